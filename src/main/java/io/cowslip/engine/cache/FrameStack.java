package io.cowslip.engine.cache;

/** Numbers of frames, the last one put on first. Has room for all from the start, so that putting one on cannot fail. */
final class FrameStack {
    private final int[] frames;
    private int count;

    FrameStack(int capacity) {
        this.frames = new int[capacity];
    }

    boolean isEmpty() {
        return count == 0;
    }

    void push(int frame) {
        frames[count++] = frame;
    }

    int pop() {
        return frames[--count];
    }
}
