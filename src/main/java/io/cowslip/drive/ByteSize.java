package io.cowslip.drive;

/**
 * A size in the configuration: QEMU's spelling ({@code 1.5M}), or Spring's ({@code 8MB}).
 *
 * @param bytes the size
 */
public record ByteSize(long bytes) {}
