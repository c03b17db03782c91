package io.cowslip.engine.cache;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.PageMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.BitSet;
import java.util.Comparator;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one cache: a slab of equal frames, each free, taken by one piece as it is in the file, or shared by 2 to
 * 4 packed ones. A place for a piece is a slot; which slots there are in a frame and where they begin follows from how
 * many share it. What is known of a slot is in its {@link SlotRecords record}.
 *
 * <p>{@code sharedBy[frame]} is how many slots the frame has: 0 when it is free, {@code LENT} when it is given away for
 * runs. It changes only after the versions of all slots in it have.
 *
 * <p>A slot is free, being filled (odd), clean or dirty. Only clean ones give way. Everything but reading is done under
 * the eviction lock, which the caller holds.
 */
final class SliceFrames implements AutoCloseable {
    static final int NO_SLOT = -1;

    /** An L2 entry in a piece that is as it is in the file. */
    static final VarHandle ENTRY =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.BIG_ENDIAN).varHandle();

    private static final byte FREE = 0;
    private static final byte LENT = -1;

    /** Smaller frames are not shared: what must be known of each slot would outweigh what that saves. */
    private static final int LEAST_SHARED_BYTES = 2048;

    private final int frameBytes;
    private final int frames;
    private final int clusterBits;
    private final int slotBits;
    private final int slotMask;
    private final SliceDirectory directory;
    private final CacheCounters counters;
    private final PageMemory slab;
    private final MemorySegment memory;
    private final byte[] sharedBy;
    private final SlotRecords records;
    private final BitSet dirty;
    private final FrameStack freeFrames;

    /** By how many share a frame: those that may have room for one more. Looked at again when they are taken. */
    private final @Nullable FrameStack[] withRoom = new FrameStack[SliceForm.MOST_PER_FRAME + 1];

    /** Bit {@code n} is set while the frame is in {@code withRoom[n]}. */
    private final byte[] listed;

    private int hand;
    private volatile int residentCount;
    private volatile long residentBytes;

    /** @param packing whether frames may be shared; entries are 8 bytes then */
    SliceFrames(
            int frameBytes,
            int frames,
            boolean packing,
            int clusterBits,
            SliceDirectory directory,
            CacheCounters counters)
            throws ImageException {
        this.frameBytes = frameBytes;
        this.frames = frames;
        this.clusterBits = clusterBits;
        this.slotBits = packing && frameBytes >= LEAST_SHARED_BYTES
                ? Integer.numberOfTrailingZeros(SliceForm.MOST_PER_FRAME)
                : 0;
        this.slotMask = (1 << slotBits) - 1;
        this.directory = directory;
        this.counters = counters;
        this.sharedBy = new byte[frames];
        this.listed = new byte[frames];
        this.dirty = new BitSet(frames);
        this.freeFrames = new FrameStack(frames);
        for (int frame = frames - 1; frame >= 0; frame--) {
            freeFrames.push(frame);
        }
        // A reader whose frame was given to others looks past its end before it finds out.
        this.slab = PageMemory.map((long) frameBytes * (frames + 1L) + Long.BYTES);
        this.memory = slab.segment();
        try {
            this.records = new SlotRecords((long) frames << slotBits);
        } catch (ImageException refused) {
            slab.close();
            throw refused;
        }
    }

    /** The version of {@code slot} if {@code key} may be read there now, or an odd number. Any thread. */
    int versionFor(int slot, long key) {
        int now = records.versionToReadBy(slot);
        return records.owner(slot) == key + 1 ? now : 1;
    }

    /** Whether what was read since {@link #versionFor} counts. Any thread. */
    boolean isStill(int slot, int before) {
        return records.isStill(slot, before);
    }

    /** The entry at {@code index} of what is in the slot. Any thread, between the two calls above. */
    long entry(int slot, int index) {
        int sharers = sharedBy[slot >>> slotBits];
        return sharers <= SliceForm.PLAIN ? plainEntry(slot, index) : packedEntry(slot, index, sharers);
    }

    private long plainEntry(int slot, int index) {
        return (long) ENTRY.getAcquire(memory, frameOffset(slot) + ((long) index << 3));
    }

    private long packedEntry(int slot, int index, int sharers) {
        return SliceForm.unpack(memory, offset(slot, sharers), index, sharers, records.base(slot), clusterBits);
    }

    /** Marks the slot as used in {@code epoch}. Any thread. */
    void touch(int slot, int epoch) {
        int now = epoch << 1 | 1;
        if (records.lastUse(slot) != now) {
            records.setLastUse(slot, now);
        }
    }

    /** The bytes of a piece that has its frame for itself. */
    MemorySegment piece(int slot) {
        return memory.asSlice(frameOffset(slot), frameBytes);
    }

    boolean isPlain(int slot) {
        return sharedBy[slot >>> slotBits] == SliceForm.PLAIN;
    }

    boolean isDirty(int slot) {
        return dirty.get(slot >>> slotBits);
    }

    /** @param slot has its frame for itself */
    void setDirty(int slot, boolean newer) {
        dirty.set(slot >>> slotBits, newer);
    }

    /** Dirty slots, in the order of their keys. */
    int[] dirtySlots() {
        return dirty.stream()
                .map(this::firstSlot)
                .boxed()
                .sorted(Comparator.comparingLong(slot -> key(slot)))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    long key(int slot) {
        return records.owner(slot) - 1;
    }

    /**
     * A slot to be filled, in a frame with so many: one with room, a free one, or one that its clean pieces leave.
     *
     * @return {@link #NO_SLOT} when nothing can give way now
     */
    int take(int sharers) {
        FrameStack shared = sharers == SliceForm.PLAIN ? null : listFor(sharers);
        int slot = shared == null ? NO_SLOT : takeBeside(shared, sharers);
        if (slot == NO_SLOT) {
            slot = freeFrames.isEmpty() ? evictFor(sharers) : firstSlot(freeFrames.pop());
        }
        if (slot != NO_SLOT) {
            sharedBy[slot >>> slotBits] = (byte) sharers;
            begin(slot);
            listIfRoom(slot >>> slotBits);
        }
        return slot;
    }

    /** Whether packed pieces may share frames. */
    boolean mayShare() {
        return slotBits > 0;
    }

    private FrameStack listFor(int sharers) {
        FrameStack list = withRoom[sharers];
        if (list == null) {
            list = new FrameStack(frames);
            withRoom[sharers] = list;
        }
        return list;
    }

    /** A free slot beside others of its kind. What is listed may have become something else long ago. */
    private int takeBeside(FrameStack shared, int sharers) {
        while (!shared.isEmpty()) {
            int frame = shared.pop();
            listed[frame] &= (byte) ~(1 << sharers);
            int slot = sharedBy[frame] == sharers ? freeSlotIn(frame) : NO_SLOT;
            if (slot != NO_SLOT) {
                return slot;
            }
        }
        return NO_SLOT;
    }

    private void listIfRoom(int frame) {
        int sharers = sharedBy[frame];
        FrameStack list = sharers <= SliceForm.PLAIN ? null : withRoom[sharers];
        if (list != null && (listed[frame] & 1 << sharers) == 0 && freeSlotIn(frame) != NO_SLOT) {
            listed[frame] |= (byte) (1 << sharers);
            list.push(frame);
        }
    }

    private int freeSlotIn(int frame) {
        for (int slot = firstSlot(frame); slot < endOfSlots(frame); slot++) {
            if (isFree(slot)) {
                return slot;
            }
        }
        return NO_SLOT;
    }

    /** Gives a whole frame away, to count for what is held elsewhere; false when nothing can give way now. */
    boolean lendFrame() {
        int slot = freeFrames.isEmpty() ? evictFor(SliceForm.PLAIN) : firstSlot(freeFrames.pop());
        if (slot == NO_SLOT) {
            return false;
        }
        sharedBy[slot >>> slotBits] = LENT;
        return true;
    }

    /** Takes frames back that were lent. */
    void endLoans(int count) {
        for (int frame = 0, left = count; left > 0 && frame < frames; frame++) {
            if (sharedBy[frame] == LENT) {
                makeFree(frame);
                left--;
            }
        }
    }

    /** Fills a slot that was taken, outside of the eviction lock. */
    void fill(int slot, MemorySegment entries, SliceForm form) {
        records.setBase(slot, form.base());
        if (form.slicesPerFrame() == SliceForm.PLAIN) {
            MemorySegment.copy(entries, 0, memory, frameOffset(slot), frameBytes);
        } else {
            form.pack(entries, clusterBits, memory, offset(slot, form.slicesPerFrame()));
        }
    }

    /** Makes a slot that was filled {@code key}'s. Those who find it before it may be read take that for a miss. */
    void settle(int slot, long key, int epoch) {
        directory.putSlot(key, slot);
        records.setOwner(slot, key + 1);
        records.setLastUse(slot, epoch << 1);
        residentCount++;
        residentBytes += pieceBytes(slot);
        records.setVersion(slot, records.version(slot) + 1);
    }

    /** Frees a slot, whatever is in it. */
    void free(int slot) {
        forget(slot);
        int frame = slot >>> slotBits;
        if (isUnused(frame)) {
            makeFree(frame);
        } else {
            listIfRoom(frame);
        }
    }

    /** Drops what was not used in {@code epoch}; says how many pieces went. */
    int clean(int epoch) {
        int before = residentCount;
        for (int frame = 0; frame < frames; frame++) {
            for (int slot = firstSlot(frame); slot < endOfSlots(frame); slot++) {
                if (isEvictable(slot) && records.lastUse(slot) >>> 1 != epoch) {
                    free(slot);
                }
            }
        }
        return before - residentCount;
    }

    /** Gives the memory of frames that hold nothing back to the system. */
    void releaseMemory() {
        for (int frame = 0; frame < frames; frame++) {
            int first = frame;
            while (frame < frames && sharedBy[frame] <= FREE) {
                frame++;
            }
            if (frame > first) {
                slab.release((long) first * frameBytes, (long) (frame - first) * frameBytes);
            }
        }
    }

    /** Any thread. */
    int residentCount() {
        return residentCount;
    }

    /** Any thread. */
    long residentBytes() {
        return residentBytes;
    }

    /** Unmaps the slab. Nobody uses the cache any more. */
    @Override
    public void close() {
        records.close();
        slab.close();
    }

    private int firstSlot(int frame) {
        return frame << slotBits;
    }

    /** The slot behind the last that the frame has; the first one where it has none. */
    private int endOfSlots(int frame) {
        return firstSlot(frame) + Math.max(FREE, sharedBy[frame]);
    }

    private long frameOffset(int slot) {
        return (long) (slot >>> slotBits) * frameBytes;
    }

    private long offset(int slot, int sharers) {
        return frameOffset(slot) + (long) (slot & slotMask) * (frameBytes / sharers);
    }

    private int pieceBytes(int slot) {
        return frameBytes / sharedBy[slot >>> slotBits];
    }

    /** The slot is being filled from now on. */
    private void begin(int slot) {
        records.setVersion(slot, records.version(slot) + 1);
        VarHandle.fullFence();
    }

    /**
     * CLOCK with a second chance, over frames. One round takes every chance away. Hits take no lock and may hand chances
     * out again behind the hand, so the second round takes what comes first: else a miss could wait on others' hits for
     * ever. A frame shared by as many gives up one slot; any other has to be left by all.
     */
    private int evictFor(int sharers) {
        for (int step = 0; step < 2 * frames; step++) {
            int frame = hand;
            hand = hand + 1 == frames ? 0 : hand + 1;
            boolean mercy = step < frames;
            int slot = sharedBy[frame] == sharers ? evictOne(frame, mercy) : evictAll(frame, mercy);
            if (slot != NO_SLOT) {
                return slot;
            }
        }
        return NO_SLOT;
    }

    private int evictOne(int frame, boolean mercy) {
        int chosen = NO_SLOT;
        for (int slot = firstSlot(frame); slot < endOfSlots(frame); slot++) {
            if (chosen == NO_SLOT && isEvictable(slot) && !(mercy && hasChance(slot))) {
                chosen = slot;
            }
            records.setLastUse(slot, records.lastUse(slot) & ~1);
        }
        if (chosen != NO_SLOT) {
            evict(chosen);
        }
        return chosen;
    }

    private int evictAll(int frame, boolean mercy) {
        boolean mayGo = sharedBy[frame] > FREE;
        for (int slot = firstSlot(frame); slot < endOfSlots(frame); slot++) {
            mayGo &= isFree(slot) || (isEvictable(slot) && !(mercy && hasChance(slot)));
            records.setLastUse(slot, records.lastUse(slot) & ~1);
        }
        if (!mayGo) {
            return NO_SLOT;
        }
        for (int slot = firstSlot(frame); slot < endOfSlots(frame); slot++) {
            if (!isFree(slot)) {
                evict(slot);
            }
        }
        sharedBy[frame] = FREE;
        return firstSlot(frame);
    }

    private void evict(int slot) {
        forget(slot);
        counters.evictions.increment();
    }

    private void forget(int slot) {
        if (records.owner(slot) != SlotRecords.NOBODY) {
            directory.removeSlot(key(slot), slot);
            records.setOwner(slot, SlotRecords.NOBODY);
            residentCount--;
            residentBytes -= pieceBytes(slot);
        }
        records.setVersion(slot, (records.version(slot) | 1) + 1);
        // Readers in the middle of the slot must see its new version before they can see others in it, or its pages go.
        VarHandle.fullFence();
    }

    private void makeFree(int frame) {
        sharedBy[frame] = FREE;
        dirty.clear(frame);
        freeFrames.push(frame);
    }

    private boolean isUnused(int frame) {
        for (int slot = firstSlot(frame); slot < endOfSlots(frame); slot++) {
            if (!isFree(slot)) {
                return false;
            }
        }
        return true;
    }

    private boolean isFree(int slot) {
        return records.owner(slot) == SlotRecords.NOBODY && (records.version(slot) & 1) == 0;
    }

    private boolean hasChance(int slot) {
        return (records.lastUse(slot) & 1) != 0;
    }

    private boolean isEvictable(int slot) {
        return records.owner(slot) != SlotRecords.NOBODY && !isDirty(slot) && (records.version(slot) & 1) == 0;
    }
}
