package io.cowslip.engine.host;

import static io.cowslip.engine.host.Posix.INT;
import static io.cowslip.engine.host.Posix.LONG;
import static io.cowslip.engine.host.Posix.POINTER;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The system calls that take names from an open folder on, bound once; otherwise as {@link Posix}. Names are UTF-8, whatever
 * the process's own character set is.
 */
final class PosixNames {
    /** Flags of openat2(2): nothing above the folder, no link to it either. */
    static final long RESOLVE_BENEATH = 0x08;

    /** No links that a kernel's file system makes up, such as {@code /proc/self/fd/3}. */
    static final long RESOLVE_NO_MAGICLINKS = 0x02;

    /** No symbolic links at all. */
    static final long RESOLVE_NO_SYMLINKS = 0x04;

    static final int PATH_MAX = 4096;

    private static final long SYS_OPENAT2 = 437;
    private static final int AT_REMOVEDIR = 0x200;
    private static final int RENAME_NOREPLACE = 1;

    /** Of struct linux_dirent64, getdents64(2). */
    private static final long ENTRY_LENGTH = 16;

    private static final long ENTRY_TYPE = 18;
    private static final long ENTRY_NAME = 19;
    private static final long ENTRIES_BYTES = 32 << 10;

    // syscall(2): the C library has no function of this name before glibc 2.42.
    private static final MethodHandle OPENAT2 = Posix.bind(
            "syscall",
            FunctionDescriptor.of(LONG, LONG, INT, POINTER, POINTER, LONG),
            Linker.Option.firstVariadicArg(1));
    private static final MethodHandle OPENAT =
            Posix.bind("openat", FunctionDescriptor.of(INT, INT, POINTER, INT, INT), Linker.Option.firstVariadicArg(3));
    private static final MethodHandle READLINKAT =
            Posix.bind("readlinkat", FunctionDescriptor.of(LONG, INT, POINTER, POINTER, LONG));
    private static final MethodHandle MKDIRAT = Posix.bind("mkdirat", FunctionDescriptor.of(INT, INT, POINTER, INT));
    private static final MethodHandle UNLINKAT = Posix.bind("unlinkat", FunctionDescriptor.of(INT, INT, POINTER, INT));
    private static final MethodHandle LINKAT =
            Posix.bind("linkat", FunctionDescriptor.of(INT, INT, POINTER, INT, POINTER, INT));
    private static final MethodHandle RENAMEAT2 =
            Posix.bind("renameat2", FunctionDescriptor.of(INT, INT, POINTER, INT, POINTER, INT));
    private static final MethodHandle GETDENTS64 =
            Posix.bind("getdents64", FunctionDescriptor.of(LONG, INT, POINTER, LONG));
    private static final MethodHandle FSTATVFS = Posix.bind("fstatvfs", FunctionDescriptor.of(INT, INT, POINTER));
    private static final MethodHandle FGETXATTR =
            Posix.bind("fgetxattr", FunctionDescriptor.of(LONG, INT, POINTER, POINTER, LONG));
    private static final MethodHandle FSETXATTR =
            Posix.bind("fsetxattr", FunctionDescriptor.of(INT, INT, POINTER, POINTER, LONG, INT));
    private static final MethodHandle FREMOVEXATTR =
            Posix.bind("fremovexattr", FunctionDescriptor.of(INT, INT, POINTER));

    private PosixNames() {}

    /** @param resolve of the {@code RESOLVE_} flags */
    static int openat2(int folder, String name, int flags, int mode, long resolve) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            // struct open_how: flags, mode, resolve. A mode is refused where nothing can be made.
            MemorySegment how = arena.allocate(24, 8);
            how.set(LONG, 0, flags | Posix.O_CLOEXEC);
            how.set(LONG, 8, (flags & Posix.O_CREAT) == 0 ? 0 : mode);
            how.set(LONG, 16, resolve);
            long result =
                    (long) OPENAT2.invokeExact(errno, SYS_OPENAT2, folder, text(arena, name), how, how.byteSize());
            return result < 0 ? -Posix.errno(errno) : (int) result;
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    static int openat(int folder, String name, int flags, int mode) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) OPENAT.invokeExact(errno, folder, text(arena, name), flags | Posix.O_CLOEXEC, mode);
            return result < 0 ? -Posix.errno(errno) : result;
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    /** What an open symbolic link says (opened with O_PATH and O_NOFOLLOW); null where it cannot be read. */
    static @Nullable String readLink(int link) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(PATH_MAX);
            long result = (long) READLINKAT.invokeExact(errno, link, text(arena, ""), buffer, buffer.byteSize());
            // A text that fills the buffer may have been cut off.
            return result < 0 || result == buffer.byteSize()
                    ? null
                    : new String(buffer.asSlice(0, result).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    static int mkdirat(int folder, String name, int mode) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) MKDIRAT.invokeExact(errno, folder, text(arena, name), mode);
            return result < 0 ? -Posix.errno(errno) : result;
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    /** Takes a file's name away. */
    static int unlink(int folder, String name) {
        return unlinkat(folder, name, 0);
    }

    /** Takes an empty folder away. */
    static int rmdir(int folder, String name) {
        return unlinkat(folder, name, AT_REMOVEDIR);
    }

    private static int unlinkat(int folder, String name, int flags) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) UNLINKAT.invokeExact(errno, folder, text(arena, name), flags);
            return result < 0 ? -Posix.errno(errno) : result;
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    /** Gives a file another name, which nobody has yet. */
    static int renameUnlessThere(int folder, String name, int newFolder, String newName) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) RENAMEAT2.invokeExact(
                    errno, folder, text(arena, name), newFolder, text(arena, newName), RENAME_NOREPLACE);
            return result < 0 ? -Posix.errno(errno) : result;
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    /** Gives a file a second name, which nobody has yet. */
    static int linkat(int folder, String name, int newFolder, String newName) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) LINKAT.invokeExact(errno, folder, text(arena, name), newFolder, text(arena, newName), 0);
            return result < 0 ? -Posix.errno(errno) : result;
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    /** Takes the entries of a folder, {@code .} and {@code ..} among them. */
    @FunctionalInterface
    interface EntrySink {
        /** @param type one of the {@code DT_} values of getdents64(2), 0 where the file system does not tell */
        void entry(String name, int type);
    }

    /** Reads all entries of an open folder, from where its descriptor stands. */
    static int readFolder(int folder, EntrySink sink) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(ENTRIES_BYTES, 8);
            while (true) {
                long count = (long) GETDENTS64.invokeExact(errno, folder, buffer, buffer.byteSize());
                if (count <= 0) {
                    return count < 0 ? -Posix.errno(errno) : 0;
                }
                tellEntries(buffer.asSlice(0, count), sink);
            }
        } catch (RuntimeException failure) {
            throw failure;
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    private static void tellEntries(MemorySegment entries, EntrySink sink) {
        long position = 0;
        while (position < entries.byteSize()) {
            int lengthBytes = entries.get(ValueLayout.JAVA_SHORT_UNALIGNED, position + ENTRY_LENGTH) & 0xFFFF;
            MemorySegment entry = entries.asSlice(position, lengthBytes);
            sink.entry(
                    entry.getString(ENTRY_NAME, StandardCharsets.UTF_8), entry.get(ValueLayout.JAVA_BYTE, ENTRY_TYPE));
            position += lengthBytes;
        }
    }

    /** How many bytes of the folder's file system anybody may take, or the negated errno. */
    static long usableBytes(int folder) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            // struct statvfs: f_frsize is the unit of f_bavail.
            MemorySegment status = arena.allocate(256, 8);
            int result = (int) FSTATVFS.invokeExact(errno, folder, status);
            return result < 0 ? -Posix.errno(errno) : status.get(LONG, 8) * status.get(LONG, 32);
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    /** The value's length, or the negated errno. */
    static long attribute(int file, String name, MemorySegment into) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            long result = (long) FGETXATTR.invokeExact(errno, file, text(arena, name), into, into.byteSize());
            return result < 0 ? -Posix.errno(errno) : result;
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    static int setAttribute(int file, String name, MemorySegment value) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) FSETXATTR.invokeExact(errno, file, text(arena, name), value, value.byteSize(), 0);
            return result < 0 ? -Posix.errno(errno) : result;
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    static int removeAttribute(int file, String name) {
        MemorySegment errno = Posix.CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            int result = (int) FREMOVEXATTR.invokeExact(errno, file, text(arena, name));
            return result < 0 ? -Posix.errno(errno) : result;
        } catch (Throwable impossible) {
            throw Posix.unexpected(impossible);
        }
    }

    private static MemorySegment text(Arena arena, String name) {
        return arena.allocateFrom(name, StandardCharsets.UTF_8);
    }
}
