package io.cowslip.engine.host;

/** What an opening of an image claims, in the terms of QEMU's image locking. */
public enum ImageLock {
    /** Reads guest data, and bears no writer beside it. */
    READER,
    /** Writes, and bears neither another writer nor a reader beside it. */
    WRITER,
    /** Reads a raw file, and bears writers beside it: what QEMU takes for raw images opened for reading. */
    RAW_READER
}
