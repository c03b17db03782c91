package io.cowslip.engine.host;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The system calls that the engine makes, bound once. Each returns what the call returns, or the negated errno. No
 * policy: retries, short transfers and messages are the callers'. Linux on 64-bit machines: constants and structures
 * are those of its generic system call interface.
 *
 * <p>Why not {@code FileChannel}: interrupting a thread inside its I/O closes the channel for everybody, its locks are
 * lost when any other channel on the file closes, and it can neither punch holes nor take open-file-description locks.
 */
final class Posix {
    static final int EPERM = 1;
    static final int EINTR = 4;
    static final int ENOENT = 2;
    static final int EACCES = 13;
    static final int EEXIST = 17;
    static final int EXDEV = 18;
    static final int ENOTDIR = 20;
    static final int EISDIR = 21;
    static final int EIO = 5;
    static final int EINVAL = 22;
    static final int EFBIG = 27;
    static final int ENOSPC = 28;
    static final int EROFS = 30;
    static final int EAGAIN = 11;
    static final int ENXIO = 6;
    static final int ENAMETOOLONG = 36;
    static final int ENOLCK = 37;
    static final int ENOSYS = 38;
    static final int ENOTEMPTY = 39;
    static final int ELOOP = 40;
    static final int ENODATA = 61;
    static final int EOPNOTSUPP = 95;
    static final int EDQUOT = 122;

    static final int O_RDONLY = 0;
    static final int O_RDWR = 2;
    static final int O_CREAT = 0x40;
    static final int O_EXCL = 0x80;
    static final int O_NOCTTY = 0x100;
    static final int O_NONBLOCK = 0x800;
    static final int O_CLOEXEC = 0x80000;

    static final int O_PATH = 0x200000;

    // The few flags whose values the architectures do not share: their own fcntl.h in Linux's arch.
    private static final String ARCHITECTURE = System.getProperty("os.arch");
    private static final boolean ARM_FLAGS = ARCHITECTURE.equals("aarch64") || ARCHITECTURE.equals("ppc64le");
    static final int O_DIRECTORY = ARM_FLAGS ? 0x4000 : 0x10000;
    static final int O_NOFOLLOW = ARM_FLAGS ? 0x8000 : 0x20000;
    static final int O_DIRECT = switch (ARCHITECTURE) {
        case "aarch64" -> 0x10000;
        case "ppc64le" -> 0x20000;
        default -> 0x4000;
    };

    static final int SEEK_END = 2;
    static final int SEEK_DATA = 3;
    static final int SEEK_HOLE = 4;

    static final int FALLOC_FL_KEEP_SIZE = 1;
    static final int FALLOC_FL_PUNCH_HOLE = 2;
    static final int FALLOC_FL_ZERO_RANGE = 0x10;

    static final int F_OFD_GETLK = 36;
    static final int F_OFD_SETLK = 37;
    static final short F_RDLCK = 0;
    static final short F_WRLCK = 1;
    static final short F_UNLCK = 2;

    static final int AF_NETLINK = 16;
    static final int SOCK_RAW = 3;
    static final int SOCK_CLOEXEC = 0x80000;
    static final int MSG_DONTWAIT = 0x40;

    static final int POSIX_FADV_DONTNEED = 4;

    static final int MADV_DONTNEED = 4;
    static final int MADV_NOHUGEPAGE = 15;

    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
    private static final int MFD_CLOEXEC = 1;
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_BASIC_STATS = 0x7ff;
    private static final int STATX_DIOALIGN = 0x2000;
    private static final long STATX_BYTES = 256;

    private static final Linker LINKER = Linker.nativeLinker();
    static final AddressLayout POINTER = ValueLayout.ADDRESS;
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
    private static final VarHandle ERRNO_VALUE =
            Linker.Option.captureStateLayout().varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private static final MethodHandle OPEN =
            bind("open", FunctionDescriptor.of(INT, POINTER, INT, INT), Linker.Option.firstVariadicArg(2));
    private static final MethodHandle CLOSE = bind("close", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle PREAD = bind("pread", FunctionDescriptor.of(LONG, INT, POINTER, LONG, LONG));
    private static final MethodHandle PWRITE = bind("pwrite", FunctionDescriptor.of(LONG, INT, POINTER, LONG, LONG));
    private static final MethodHandle FDATASYNC = bind("fdatasync", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle FSYNC = bind("fsync", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle FALLOCATE = bind("fallocate", FunctionDescriptor.of(INT, INT, INT, LONG, LONG));
    private static final MethodHandle POSIX_FADVISE =
            bind("posix_fadvise", FunctionDescriptor.of(INT, INT, LONG, LONG, INT));
    private static final MethodHandle FTRUNCATE = bind("ftruncate", FunctionDescriptor.of(INT, INT, LONG));
    private static final MethodHandle LSEEK = bind("lseek", FunctionDescriptor.of(LONG, INT, LONG, INT));
    private static final MethodHandle STATX =
            bind("statx", FunctionDescriptor.of(INT, INT, POINTER, INT, INT, POINTER));
    private static final MethodHandle FCNTL =
            bind("fcntl", FunctionDescriptor.of(INT, INT, INT, POINTER), Linker.Option.firstVariadicArg(2));
    private static final MethodHandle SOCKET = bind("socket", FunctionDescriptor.of(INT, INT, INT, INT));
    private static final MethodHandle SEND = bind("send", FunctionDescriptor.of(LONG, INT, POINTER, LONG, INT));
    private static final MethodHandle RECV = bind("recv", FunctionDescriptor.of(LONG, INT, POINTER, LONG, INT));
    private static final MethodHandle MEMFD_CREATE = bind("memfd_create", FunctionDescriptor.of(INT, POINTER, INT));
    private static final MethodHandle MMAP = bind("mmap", FunctionDescriptor.of(LONG, LONG, LONG, INT, INT, INT, LONG));
    private static final MethodHandle MUNMAP = bind("munmap", FunctionDescriptor.of(INT, LONG, LONG));
    private static final MethodHandle MADVISE = bind("madvise", FunctionDescriptor.of(INT, LONG, LONG, INT));

    static final ThreadLocal<MemorySegment> CAPTURED =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(Linker.Option.captureStateLayout()));

    private Posix() {}

    static MethodHandle bind(String name, FunctionDescriptor descriptor, Linker.Option... options) {
        MemorySegment address = LINKER.defaultLookup().findOrThrow(name);
        Linker.Option[] all = java.util.Arrays.copyOf(options, options.length + 1);
        all[options.length] = ERRNO;
        return LINKER.downcallHandle(address, descriptor, all);
    }

    /**
     * What statx says of an open file.
     *
     * @param mode holds the file type as in stat(2)
     * @param linkCount how many names it has
     * @param changed when its content or its own data, such as its size, last changed
     * @param modified when its content last changed
     * @param direct null where the kernel does not tell
     */
    record FileStatus(
            int mode,
            long linkCount,
            long inode,
            long device,
            long sizeBytes,
            long allocatedBytes,
            HostTime changed,
            HostTime modified,
            @Nullable DirectAlignment direct) {
        private static final int TYPE_MASK = 0xF000;
        private static final int FOLDER = 0x4000;
        private static final int REGULAR = 0x8000;
        private static final int SYMBOLIC_LINK = 0xA000;

        boolean isRegularFile() {
            return (mode & TYPE_MASK) == REGULAR;
        }

        boolean isFolder() {
            return (mode & TYPE_MASK) == FOLDER;
        }

        boolean isSymbolicLink() {
            return (mode & TYPE_MASK) == SYMBOLIC_LINK;
        }

        FileIdentity identity() {
            return new FileIdentity(device, inode);
        }
    }

    static int open(String path, int flags, int mode) {
        MemorySegment errno = CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) OPEN.invokeExact(errno, arena.allocateFrom(path), flags | O_CLOEXEC, mode);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int close(int descriptor) {
        MemorySegment errno = CAPTURED.get();
        try {
            int result = (int) CLOSE.invokeExact(errno, descriptor);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static long pread(int descriptor, MemorySegment into, long lengthBytes, long hostOffset) {
        MemorySegment errno = CAPTURED.get();
        try {
            long result = (long) PREAD.invokeExact(errno, descriptor, into, lengthBytes, hostOffset);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static long pwrite(int descriptor, MemorySegment from, long lengthBytes, long hostOffset) {
        MemorySegment errno = CAPTURED.get();
        try {
            long result = (long) PWRITE.invokeExact(errno, descriptor, from, lengthBytes, hostOffset);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int fdatasync(int descriptor) {
        MemorySegment errno = CAPTURED.get();
        try {
            int result = (int) FDATASYNC.invokeExact(errno, descriptor);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int fsync(int descriptor) {
        MemorySegment errno = CAPTURED.get();
        try {
            int result = (int) FSYNC.invokeExact(errno, descriptor);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int fallocate(int descriptor, int mode, long hostOffset, long lengthBytes) {
        MemorySegment errno = CAPTURED.get();
        try {
            int result = (int) FALLOCATE.invokeExact(errno, descriptor, mode, hostOffset, lengthBytes);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    /** Advises about the whole file; what comes of that nobody tells. */
    static void fadvise(int descriptor, int advice) {
        try {
            int ignored = (int) POSIX_FADVISE.invokeExact(CAPTURED.get(), descriptor, 0L, 0L, advice);
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int ftruncate(int descriptor, long sizeBytes) {
        MemorySegment errno = CAPTURED.get();
        try {
            int result = (int) FTRUNCATE.invokeExact(errno, descriptor, sizeBytes);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static long lseek(int descriptor, long hostOffset, int whence) {
        MemorySegment errno = CAPTURED.get();
        try {
            long result = (long) LSEEK.invokeExact(errno, descriptor, hostOffset, whence);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    /**
     * Facts of an open file. Field offsets: statx(2), linux/stat.h.
     *
     * @throws IllegalStateException when the host refuses, as it does for a number that is no descriptor
     */
    static FileStatus status(int descriptor) {
        MemorySegment errno = CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment status = arena.allocate(STATX_BYTES, 8);
            int result = (int) STATX.invokeExact(
                    errno,
                    descriptor,
                    arena.allocateFrom(""),
                    AT_EMPTY_PATH,
                    STATX_BASIC_STATS | STATX_DIOALIGN,
                    status);
            if (result < 0) {
                throw new IllegalStateException("statx of an open file fails with errno " + errno(errno));
            }
            boolean direct = (status.get(INT, 0) & STATX_DIOALIGN) != 0;
            long device = ((long) status.get(INT, 136) << 32) | (status.get(INT, 140) & 0xFFFF_FFFFL);
            return new FileStatus(
                    status.get(ValueLayout.JAVA_SHORT, 28),
                    status.get(INT, 16) & 0xFFFF_FFFFL,
                    status.get(LONG, 32),
                    device,
                    status.get(LONG, 40),
                    status.get(LONG, 48) * 512,
                    new HostTime(status.get(LONG, 96), status.get(INT, 104)),
                    new HostTime(status.get(LONG, 112), status.get(INT, 120)),
                    direct ? new DirectAlignment(status.get(INT, 152), status.get(INT, 156)) : null);
        } catch (RuntimeException failure) {
            throw failure;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    /**
     * One lock operation on one byte, by the open file description. For {@link #F_OFD_GETLK} the answer is the type of
     * the lock in the way, {@link #F_UNLCK} for none.
     */
    static int lockByte(int descriptor, int command, short type, long byteOffset) {
        MemorySegment errno = CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment lock = arena.allocate(32, 8);
            lock.set(ValueLayout.JAVA_SHORT, 0, type);
            lock.set(LONG, 8, byteOffset);
            lock.set(LONG, 16, 1L);
            int result = (int) FCNTL.invokeExact(errno, descriptor, command, lock);
            if (result < 0) {
                return -errno(errno);
            }
            return command == F_OFD_GETLK ? lock.get(ValueLayout.JAVA_SHORT, 0) : 0;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int socket(int domain, int type, int protocol) {
        MemorySegment errno = CAPTURED.get();
        try {
            int result = (int) SOCKET.invokeExact(errno, domain, type, protocol);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static long send(int descriptor, MemorySegment from, int flags) {
        MemorySegment errno = CAPTURED.get();
        try {
            long result = (long) SEND.invokeExact(errno, descriptor, from, from.byteSize(), flags);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static long recv(int descriptor, MemorySegment into, int flags) {
        MemorySegment errno = CAPTURED.get();
        try {
            long result = (long) RECV.invokeExact(errno, descriptor, into, into.byteSize(), flags);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    /** Descriptor of an empty file in memory that nobody else can open by a name. */
    static int memfdCreate(String name) {
        MemorySegment errno = CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) MEMFD_CREATE.invokeExact(errno, arena.allocateFrom(name), MFD_CLOEXEC);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    /** Address of fresh zeroed memory, or the negated errno. Addresses of user memory are positive. */
    static long mmap(long lengthBytes) {
        MemorySegment errno = CAPTURED.get();
        try {
            long result = (long)
                    MMAP.invokeExact(errno, 0L, lengthBytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0L);
            return result == -1 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int munmap(long address, long lengthBytes) {
        MemorySegment errno = CAPTURED.get();
        try {
            int result = (int) MUNMAP.invokeExact(errno, address, lengthBytes);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int madvise(long address, long lengthBytes, int advice) {
        MemorySegment errno = CAPTURED.get();
        try {
            int result = (int) MADVISE.invokeExact(errno, address, lengthBytes, advice);
            return result < 0 ? -errno(errno) : result;
        } catch (Throwable impossible) {
            throw unexpected(impossible);
        }
    }

    static int errno(MemorySegment captured) {
        return (int) ERRNO_VALUE.get(captured, 0L);
    }

    static AssertionError unexpected(Throwable impossible) {
        return new AssertionError("a system call threw", impossible);
    }
}
