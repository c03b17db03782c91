package io.cowslip.engine.host;

/** A file of the host by device and inode number. */
public record FileIdentity(long device, long inode) {}
