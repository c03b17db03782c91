package io.cowslip.testing;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Files in memory that record every change and sync in one log, from which {@link CrashStates} makes what the host may
 * hold after losing power. A file is taken from the host's own folder when it is first opened; that file is never
 * changed. One lock guards all files and the log.
 */
public final class CrashingHostFiles implements HostFiles {
    private final Map<Path, FileContent> contents = new HashMap<>();
    private final Map<Path, byte[]> initial = new HashMap<>();
    private final List<HostOperation> log = new ArrayList<>();

    /** Files as they are on the host. */
    public CrashingHostFiles() {}

    /** Files with these contents, whatever the host has under these names. */
    public CrashingHostFiles(Map<Path, byte[]> contents) {
        contents.forEach((path, bytes) -> {
            initial.put(path, bytes.clone());
            this.contents.put(path, new FileContent(bytes));
        });
    }

    @Override
    public HostFile open(Path path, Mode mode, PageCache pageCache) throws IOException {
        synchronized (log) {
            if (mode == Mode.CREATE_NEW) {
                if (contents.putIfAbsent(path, new FileContent(new byte[0])) != null || Files.exists(path)) {
                    throw ImageException.of(ImageException.Kind.ALREADY_EXISTS, path, "there is such a file already");
                }
            } else if (!contents.containsKey(path)) {
                load(path);
            }
            return new CrashingHostFile(path, mode != Mode.READ, this);
        }
    }

    @Override
    public void syncFolder(Path folder) {
        synchronized (log) {
            log.add(new HostOperation.Sync(folder));
        }
    }

    private void load(Path path) throws IOException {
        if (!Files.exists(path)) {
            throw ImageException.of(ImageException.Kind.NOT_FOUND, path, "there is no such file");
        }
        byte[] bytes = Files.readAllBytes(path);
        initial.put(path, bytes);
        contents.put(path, new FileContent(bytes));
    }

    /** How many changes and syncs there were so far. */
    public int logLength() {
        synchronized (log) {
            return log.size();
        }
    }

    public List<HostOperation> log() {
        synchronized (log) {
            return List.copyOf(log);
        }
    }

    /** What each file held before the first change. */
    public Map<Path, byte[]> initialContents() {
        synchronized (log) {
            return Collections.unmodifiableMap(new HashMap<>(initial));
        }
    }

    /** What {@code path} holds now. */
    public byte[] contentOf(Path path) {
        synchronized (log) {
            return content(path).toBytes();
        }
    }

    /** What all files hold now. */
    public Map<Path, byte[]> contents() {
        synchronized (log) {
            Map<Path, byte[]> now = new HashMap<>();
            contents.forEach((path, content) -> now.put(path, content.toBytes()));
            return now;
        }
    }

    void perform(HostOperation operation) {
        synchronized (log) {
            operation.apply(content(operation.file()));
            log.add(operation);
        }
    }

    int read(Path path, long offset, byte[] into) {
        synchronized (log) {
            return content(path).read(offset, into);
        }
    }

    int size(Path path) {
        synchronized (log) {
            return content(path).size();
        }
    }

    private FileContent content(Path path) {
        FileContent content = contents.get(path);
        if (content == null) {
            throw new IllegalArgumentException(path + " was never opened");
        }
        return content;
    }
}
