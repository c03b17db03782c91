package io.cowslip.engine.foreign;

import io.cowslip.engine.host.HostFile;

/** A disk that lies in a file as it is, from {@code hostOffset} on. */
record FlatDisk(HostFile file, long hostOffset, long virtualSizeBytes) implements ForeignDisk {

    @Override
    public int blockBytes() {
        return 0;
    }

    @Override
    public DiskRun runAt(long guestOffset, long maxLengthBytes) {
        return new DiskRun.Data(file, hostOffset + guestOffset, maxLengthBytes);
    }
}
