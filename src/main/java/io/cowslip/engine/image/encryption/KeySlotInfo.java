package io.cowslip.engine.image.encryption;

/**
 * One of the eight places for a passphrase in an encrypted image.
 *
 * @param active whether a passphrase opens it
 * @param iterations of its key derivation; 0 where it is not active
 */
public record KeySlotInfo(int slot, boolean active, int iterations) {}
