package io.cowslip.drive.registry;

import io.cowslip.drive.DriveClaims.Claim;
import io.cowslip.drive.FileHolder;
import io.cowslip.drive.volume.CloneBases;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.PinnedFormats;
import io.cowslip.drive.volume.SecretFolder;
import io.cowslip.drive.volume.VolumeDependents;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.file.FileReferences;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Opens images below the root, in two steps: the chain is known, and can be claimed, before anything is opened. */
public record DriveOpener(ImageRoot root, ImageEnvironment environment, DriveDefaults defaults, SecretFolder secrets) {
    /**
     * A chain as its headers describe it, from the top down.
     *
     * @param dataFiles the files besides its own that have the data of each layer
     */
    public record Chain(List<Path> files, List<List<Path>> dataFiles, List<DriveDefaults.Layer> layers) {

        /** Every file that the disk's bytes may be in. */
        List<Path> allFiles() {
            List<Path> all = new ArrayList<>(files);
            dataFiles.forEach(all::addAll);
            return all;
        }

        /** The image itself. */
        public Path top() {
            return files.getFirst();
        }
    }

    /** The chain that an opening with these options takes. Nothing is opened for longer than a look at the header. */
    public Chain chain(String name, ImageOptions asked) throws IOException {
        List<Path> files = new ArrayList<>();
        List<List<Path>> dataFiles = new ArrayList<>();
        List<DriveDefaults.Layer> layers = new ArrayList<>();
        Path top = root.existing(name);
        ImageOptions wish = PinnedFormats.of(root).fill(top, asked);
        for (ImageInfo info : ImageInfo.chain(top, wish, environment)) {
            PinnedFormats.of(root).require(info.file(), info.format());
            files.add(info.file());
            dataFiles.add(dataFiles(info, wish));
            layers.add(layer(info));
            wish = wish == null ? null : wish.backing();
        }
        return new Chain(files, dataFiles, layers);
    }

    /** Refuses to have a volume written while it has clones. */
    void requireNoClones(String name) throws IOException {
        new CloneBases(root)
                .requireNoClones(
                        name,
                        root.existing(name),
                        new VolumeDependents(root, volume -> pinnedChain(root.existing(volume))));
    }

    private List<ImageInfo> pinnedChain(Path file) throws IOException {
        return ImageInfo.chain(file, PinnedFormats.of(root).asked(file), environment);
    }

    /**
     * These options for the volume of this name, with the format that it is pinned to. Wipes passphrases on refusal, as of
     * a volume that is to be written and has clones.
     */
    public ImageOptions pinned(String name, ImageOptions asked) throws IOException {
        boolean possible = false;
        try {
            ImageOptions pinned = PinnedFormats.of(root).fill(root.existing(name), asked);
            if (!pinned.readOnly()) {
                requireNoClones(name);
            }
            possible = true;
            return pinned;
        } finally {
            if (!possible) {
                asked.wipeSecrets();
            }
        }
    }

    /** The option goes before the header. What cannot be, the engine refuses in its own words. */
    private List<Path> dataFiles(ImageInfo info, @Nullable ImageOptions wish) throws IOException {
        return wish == null || wish.dataFile() == null || info.format() != ImageFormat.QCOW2
                ? info.dataFiles()
                : List.of(environment
                        .references()
                        .resolveGiven(info.file(), wish.dataFile(), FileReferences.Role.DATA_FILE));
    }

    private static DriveDefaults.Layer layer(ImageInfo info) {
        ImageInfo.Qcow2Facts facts = info.qcow2();
        return new DriveDefaults.Layer(info.format(), facts == null ? 0 : facts.clusterSizeBytes());
    }

    /**
     * What an opening takes for itself: its own files, written unless read-only, and all files below as a reader.
     *
     * @param beside the drive that writes the image, where a snapshot of it is read beside that
     */
    public List<Claim> claims(Chain chain, ImageOptions asked, @Nullable FileHolder beside) throws IOException {
        List<Claim> claims = new ArrayList<>();
        for (int index = 0; index < chain.files().size(); index++) {
            boolean own = index == 0;
            claims.add(claim(chain.files().get(index), own, asked, own ? beside : null));
            for (Path dataFile : chain.dataFiles().get(index)) {
                claims.add(claim(dataFile, own, asked, null));
            }
        }
        return claims;
    }

    private Claim claim(Path file, boolean own, ImageOptions asked, @Nullable FileHolder beside) throws IOException {
        return new Claim(root.identity(file), root.relativeName(file), own && !asked.readOnly(), own, beside);
    }

    /**
     * Opens the chain. Passphrases are gone afterwards: those from files, and those that {@code asked} holds.
     *
     * @param writer the open image beside which a snapshot of it is read, or null
     */
    DiskImage open(Chain chain, ImageOptions asked, @Nullable DiskImage writer) throws IOException {
        ImageOptions filled = complete(chain, asked);
        try {
            if (!filled.readOnly()) {
                pinWritten(chain, 0);
            }
            return writer == null ? DiskImage.open(chain.top(), filled, environment) : writer.openSnapshot(filled);
        } finally {
            filled.wipeSecrets();
        }
    }

    /** Before a guest's bytes come to a layer: what has them as they are is raw from then on, and so found later. */
    public void pinWritten(Chain chain, int layer) throws IOException {
        PinnedFormats formats = PinnedFormats.of(root);
        if (chain.layers().get(layer).format() == ImageFormat.RAW) {
            formats.pinRaw(chain.files().get(layer), environment.files());
        }
        for (Path dataFile : chain.dataFiles().get(layer)) {
            formats.pinRaw(dataFile, environment.files());
        }
    }

    /** Options made complete for a chain, with the passphrases that they name files for, for the caller to wipe. */
    public ImageOptions complete(Chain chain, ImageOptions asked) throws IOException {
        return secrets.fill(defaults.fill(PinnedFormats.of(root).fill(chain.top(), asked), chain.layers()));
    }

    /** Options for an image that is open, made complete with the defaults. */
    ImageOptions fill(ImageOptions asked, List<LayerStats> layers) {
        return defaults.fill(
                asked,
                layers.stream()
                        .map(layer -> new DriveDefaults.Layer(layer.format(), layer.clusterSizeBytes()))
                        .toList());
    }
}
