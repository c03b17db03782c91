package io.cowslip.engine.foreign;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.foreign.VmdkFacts.ExtentFacts;
import io.cowslip.engine.foreign.format.VmdkDescriptor;
import io.cowslip.engine.foreign.format.VmdkDescriptor.Extent;
import io.cowslip.engine.foreign.format.VmdkSparseHeader;
import io.cowslip.engine.host.HostFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A VMDK image: a single sparse extent with its descriptor within, or a descriptor that names extents in other files. Its
 * disk is what the extents have, one after the other.
 */
final class Vmdk implements ForeignDisk {
    private final VmdkFacts facts;
    private final List<HostFile> extentFiles;
    private final List<Part> parts;
    private final long virtualSizeBytes;

    /** @param extent what has the part; null for zeros */
    private record Part(
            long guestOffset, long lengthBytes, @Nullable ForeignDisk extent) {}

    private Vmdk(VmdkFacts facts, List<HostFile> extentFiles, List<Part> parts) {
        this.facts = facts;
        this.extentFiles = List.copyOf(extentFiles);
        this.parts = List.copyOf(parts);
        this.virtualSizeBytes = parts.isEmpty()
                ? 0
                : parts.getLast().guestOffset() + parts.getLast().lengthBytes();
    }

    static boolean isAtStartOf(MemorySegment start) {
        return VmdkSparseHeader.hasMagic(start) || VmdkDescriptor.isAtStartOf(text(start));
    }

    static ForeignDisk open(HostFile file, ExtentFiles extents) throws IOException {
        MemorySegment start = Headers.read(file, 0, VmdkSparseHeader.BYTES);
        return VmdkSparseHeader.hasMagic(start) ? single(file) : new Opening(file, extents).open();
    }

    /** The files that a descriptor names; none where the image has its descriptor within. */
    static List<String> namedFiles(HostFile file) throws IOException {
        if (VmdkSparseHeader.hasMagic(Headers.read(file, 0, VmdkSparseHeader.BYTES))) {
            return List.of();
        }
        List<String> names = new ArrayList<>();
        for (Extent extent : Opening.readDescriptor(file).extents()) {
            if (extent.fileName() != null) {
                names.add(Opening.relative(file, extent.fileName()));
            }
        }
        return names;
    }

    private static Vmdk single(HostFile file) throws IOException {
        VmdkSparseHeader start = Headers.parse(file, 0, VmdkSparseHeader.BYTES, VmdkSparseHeader::parse);
        if (start.descriptorOffset() == 0 || start.descriptorBytes() == 0) {
            throw ImageException.of(
                    Kind.UNSUPPORTED_FEATURE,
                    file.path(),
                    "the file is a part of a VMDK disk only, without a descriptor; open the descriptor that names it");
        }
        VmdkDescriptor descriptor = descriptor(file, start.descriptorOffset(), start.descriptorBytes());
        SparseExtent extent = SparseExtent.open(file, new TablePages());
        ExtentFacts facts = facts(file, extent.virtualSizeBytes(), extent);
        return new Vmdk(
                facts(descriptor, List.of(facts)), List.of(), List.of(new Part(0, extent.virtualSizeBytes(), extent)));
    }

    private static VmdkDescriptor descriptor(HostFile file, long hostOffset, int lengthBytes) throws IOException {
        return Headers.parse(file, hostOffset, lengthBytes, bytes -> {
            VmdkDescriptor descriptor = VmdkDescriptor.parse(text(bytes));
            if (descriptor.parentCid() != VmdkDescriptor.NO_PARENT) {
                throw ImageException.of(
                        Kind.UNSUPPORTED_FEATURE,
                        "the VMDK image has only what differs from a parent, which is not read; merge it into its"
                                + " parent first");
            }
            return descriptor;
        });
    }

    /** The room for an embedded descriptor is filled up with zero bytes. */
    private static String text(MemorySegment bytes) {
        String text = new String(bytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
        int end = text.indexOf('\0');
        return end < 0 ? text : text.substring(0, end);
    }

    private static VmdkFacts facts(VmdkDescriptor descriptor, List<ExtentFacts> extents) {
        return new VmdkFacts(descriptor.cid(), descriptor.parentCid(), descriptor.createType(), List.copyOf(extents));
    }

    private static ExtentFacts facts(HostFile file, long lengthBytes, SparseExtent extent) {
        VmdkSparseHeader header = extent.header();
        return new ExtentFacts(file.path(), lengthBytes, "SPARSE", header.grainBytes(), header.compressed());
    }

    /** Opens the extents that a descriptor names, all or none. */
    private static final class Opening {
        private final HostFile descriptorFile;
        private final ExtentFiles extents;
        private final Map<String, HostFile> opened = new LinkedHashMap<>();
        private final List<Part> parts = new ArrayList<>();
        private final List<ExtentFacts> facts = new ArrayList<>();
        private final TablePages pages = new TablePages();
        private long guestOffset;

        Opening(HostFile descriptorFile, ExtentFiles extents) {
            this.descriptorFile = descriptorFile;
            this.extents = extents;
        }

        Vmdk open() throws IOException {
            VmdkDescriptor descriptor = readDescriptor(descriptorFile);
            boolean done = false;
            try {
                for (Extent extent : descriptor.extents()) {
                    add(extent);
                }
                done = true;
            } finally {
                if (!done) {
                    closeAll();
                }
            }
            return new Vmdk(Vmdk.facts(descriptor, facts), List.copyOf(opened.values()), parts);
        }

        static VmdkDescriptor readDescriptor(HostFile descriptorFile) throws IOException {
            long lengthBytes = descriptorFile.sizeBytes();
            if (lengthBytes > VmdkSparseHeader.MAX_DESCRIPTOR_BYTES
                    || !isAtStartOf(Headers.read(descriptorFile, 0, VmdkSparseHeader.BYTES))) {
                throw invalid(descriptorFile, "the file has neither a VMDK header nor is it a VMDK descriptor");
            }
            VmdkDescriptor descriptor = descriptor(descriptorFile, 0, (int) lengthBytes);
            if (descriptor.extents().isEmpty()) {
                throw invalid(descriptorFile, "the VMDK descriptor names no extents");
            }
            return descriptor;
        }

        private void add(Extent extent) throws IOException {
            String name = extent.fileName();
            ForeignDisk disk = name == null ? null : disk(extent, file(name));
            parts.add(new Part(guestOffset, extent.lengthBytes(), disk));
            guestOffset += extent.lengthBytes();
        }

        /** A file may have several flat extents. */
        private HostFile file(String named) throws IOException {
            String name = relative(descriptorFile, named);
            HostFile file = opened.get(name);
            if (file == null) {
                file = extents.open(name);
                opened.put(name, file);
            }
            return file;
        }

        static String relative(HostFile descriptorFile, String name) throws ImageException {
            if (name.startsWith("/")) {
                throw ImageException.of(
                        Kind.FORBIDDEN,
                        descriptorFile.path(),
                        "the VMDK descriptor names an extent by an absolute path; it must be relative to the"
                                + " descriptor's folder");
            }
            return name;
        }

        private ForeignDisk disk(Extent extent, HostFile file) throws IOException {
            if (extent.type() == VmdkDescriptor.ExtentType.FLAT) {
                requireLength(extent, file, extent.hostOffset(), file.sizeBytes());
                facts.add(new ExtentFacts(file.path(), extent.lengthBytes(), "FLAT", 0, false));
                return new FlatDisk(file, extent.hostOffset(), extent.lengthBytes());
            }
            SparseExtent sparse = SparseExtent.open(file, pages);
            requireLength(extent, file, 0, sparse.virtualSizeBytes());
            facts.add(Vmdk.facts(file, extent.lengthBytes(), sparse));
            return sparse;
        }

        private static void requireLength(Extent extent, HostFile file, long offset, long availableBytes)
                throws ImageException {
            if (offset > availableBytes - extent.lengthBytes()) {
                throw ImageException.of(
                        Kind.INVALID_FORMAT,
                        file.path(),
                        "the VMDK descriptor has an extent of " + extent.lengthBytes() + " bytes from " + offset
                                + " on in this file, which has only " + availableBytes);
            }
        }

        private static ImageException invalid(HostFile descriptorFile, String why) {
            return ImageException.of(Kind.INVALID_FORMAT, descriptorFile.path(), why);
        }

        private void closeAll() throws IOException {
            for (HostFile file : opened.values()) {
                file.close();
            }
        }
    }

    @Override
    public long virtualSizeBytes() {
        return virtualSizeBytes;
    }

    @Override
    public int blockBytes() {
        return facts.extents().isEmpty() ? 0 : facts.extents().getFirst().grainBytes();
    }

    @Override
    public List<HostFile> extentFiles() {
        return extentFiles;
    }

    @Override
    public VmdkFacts vmdkFacts() {
        return facts;
    }

    @Override
    public DiskRun runAt(long guestOffset, long maxLengthBytes) throws IOException {
        Part part = partAt(guestOffset);
        long offset = guestOffset - part.guestOffset();
        long lengthBytes = Math.min(maxLengthBytes, part.lengthBytes() - offset);
        return part.extent() == null
                ? new DiskRun.Zero(lengthBytes)
                : part.extent().runAt(offset, lengthBytes);
    }

    private Part partAt(long guestOffset) {
        int low = 0;
        int high = parts.size() - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (parts.get(middle).guestOffset() <= guestOffset) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return parts.get(low);
    }
}
