package io.cowslip.testing;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;

/**
 * Runs something as in a container whose runtime does not know openat2(2): a seccomp filter of the running thread answers
 * that call with an errno. A filter cannot be taken off again, so that each run has a thread of its own.
 */
public final class NoOpenat2 {
    private static final int PR_SET_SECCOMP = 22;
    private static final int PR_SET_NO_NEW_PRIVS = 38;
    private static final long SECCOMP_MODE_FILTER = 2;
    private static final int SYS_OPENAT2 = 437;
    private static final int SECCOMP_RET_ALLOW = 0x7fff0000;
    private static final int SECCOMP_RET_ERRNO = 0x00050000;

    // Classic BPF: load a word of struct seccomp_data, jump if equal, return.
    private static final short LOAD_WORD = 0x20;
    private static final short JUMP_IF_EQUAL = 0x15;
    private static final short RETURN = 0x06;

    private NoOpenat2() {}

    /** What {@code work} returns where openat2 fails with {@code errno}. */
    public static <T> T call(int errno, Callable<T> work) throws Exception {
        FutureTask<T> task = new FutureTask<>(() -> {
            install(errno);
            return work.call();
        });
        Thread thread = Thread.ofPlatform().name("no-openat2").start(task);
        thread.join();
        return task.get();
    }

    private static void install(int errno) {
        Linker linker = Linker.nativeLinker();
        MethodHandle prctl = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("prctl"),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.ADDRESS,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG),
                Linker.Option.firstVariadicArg(1));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment code = arena.allocate(4 * 8, 8);
            instruction(code, 0, LOAD_WORD, 0, 0, 0);
            instruction(code, 1, JUMP_IF_EQUAL, 0, 1, SYS_OPENAT2);
            instruction(code, 2, RETURN, 0, 0, SECCOMP_RET_ERRNO | errno);
            instruction(code, 3, RETURN, 0, 0, SECCOMP_RET_ALLOW);
            MemorySegment program = arena.allocate(16, 8);
            program.set(ValueLayout.JAVA_SHORT, 0, (short) 4);
            program.set(ValueLayout.ADDRESS, 8, code);
            require((int) prctl.invokeExact(PR_SET_NO_NEW_PRIVS, 1L, MemorySegment.NULL, 0L, 0L));
            require((int) prctl.invokeExact(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0L, 0L));
        } catch (Throwable failure) {
            throw new IllegalStateException("no seccomp filter can be installed", failure);
        }
    }

    private static void instruction(
            MemorySegment code, int index, short operation, int ifTrue, int ifFalse, int value) {
        long at = index * 8L;
        code.set(ValueLayout.JAVA_SHORT, at, operation);
        code.set(ValueLayout.JAVA_BYTE, at + 2, (byte) ifTrue);
        code.set(ValueLayout.JAVA_BYTE, at + 3, (byte) ifFalse);
        code.set(ValueLayout.JAVA_INT, at + 4, value);
    }

    private static void require(int result) {
        if (result != 0) {
            throw new IllegalStateException("the kernel takes no seccomp filter");
        }
    }
}
