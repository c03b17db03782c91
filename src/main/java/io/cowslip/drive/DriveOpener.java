package io.cowslip.drive;

import io.cowslip.drive.DriveClaims.Claim;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.ImageEnvironment;
import io.cowslip.engine.image.ImageFormat;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.ImageOptions;
import io.cowslip.engine.image.LayerStats;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Opens images below the root, in two steps: the chain is known, and can be claimed, before anything is opened. */
record DriveOpener(ImageRoot root, ImageEnvironment environment, DriveDefaults defaults, SecretFolder secrets) {
    private static final DriveDefaults.Layer RAW = new DriveDefaults.Layer(ImageFormat.RAW, 0);

    /**
     * A chain as its headers describe it, from the top down.
     *
     * @param dataFiles the external data file of each layer, or null
     */
    record Chain(List<Path> files, List<@Nullable Path> dataFiles, List<DriveDefaults.Layer> layers) {

        /** Every file that the disk's bytes may be in. */
        List<Path> allFiles() {
            List<Path> all = new ArrayList<>(files);
            dataFiles.stream().filter(Objects::nonNull).forEach(all::add);
            return all;
        }

        Path top() {
            return files.getFirst();
        }
    }

    /** The chain that an opening with these options takes. Nothing is opened for longer than a look at the header. */
    Chain chain(String name, ImageOptions asked) throws IOException {
        Path top = root.existing(name);
        if (asked.format() == ImageFormat.RAW) {
            return new Chain(List.of(top), Collections.singletonList(null), List.of(RAW));
        }
        List<Path> files = new ArrayList<>();
        List<@Nullable Path> dataFiles = new ArrayList<>();
        List<DriveDefaults.Layer> layers = new ArrayList<>();
        ImageOptions wish = asked;
        for (ImageInfo info : ImageInfo.chain(top, environment)) {
            boolean raw = wish != null && wish.format() == ImageFormat.RAW;
            files.add(info.file());
            dataFiles.add(raw ? null : dataFile(info, wish));
            layers.add(raw ? RAW : layer(info));
            if (raw) {
                // Whatever its content looks like, nothing is below what is opened as raw.
                break;
            }
            wish = wish == null ? null : wish.backing();
        }
        return new Chain(files, dataFiles, layers);
    }

    /** The option goes before the header. What cannot be, the engine refuses in its own words. */
    private @Nullable Path dataFile(ImageInfo info, @Nullable ImageOptions wish) throws IOException {
        return wish == null || wish.dataFile() == null
                ? info.dataFile()
                : environment.references().resolve(info.file(), wish.dataFile());
    }

    private static DriveDefaults.Layer layer(ImageInfo info) {
        ImageInfo.Qcow2Facts facts = info.qcow2();
        return facts == null ? RAW : new DriveDefaults.Layer(ImageFormat.QCOW2, facts.clusterSizeBytes());
    }

    /**
     * What an opening takes for itself: its own files, written unless read-only, and all files below as a reader.
     *
     * @param beside whether it reads a snapshot beside a drive that writes it
     */
    List<Claim> claims(Chain chain, ImageOptions asked, boolean beside) throws IOException {
        List<Claim> claims = new ArrayList<>();
        for (int index = 0; index < chain.files().size(); index++) {
            boolean own = index == 0;
            claims.add(claim(chain.files().get(index), own, asked, own && beside));
            Path dataFile = chain.dataFiles().get(index);
            if (dataFile != null) {
                claims.add(claim(dataFile, own, asked, false));
            }
        }
        return claims;
    }

    private Claim claim(Path file, boolean own, ImageOptions asked, boolean beside) throws IOException {
        return new Claim(ImageRoot.identity(file), root.relativeName(file), own && !asked.readOnly(), own, beside);
    }

    /**
     * Opens the chain. Passphrases are gone afterwards: those from files, and those that {@code asked} holds.
     *
     * @param writer the open image beside which a snapshot of it is read, or null
     */
    DiskImage open(Chain chain, ImageOptions asked, @Nullable DiskImage writer) throws IOException {
        ImageOptions filled = complete(chain, asked);
        try {
            return writer == null ? DiskImage.open(chain.top(), filled, environment) : writer.openSnapshot(filled);
        } finally {
            filled.wipeSecrets();
        }
    }

    /** Options made complete for a chain, with the passphrases that they name files for, for the caller to wipe. */
    ImageOptions complete(Chain chain, ImageOptions asked) throws IOException {
        return secrets.fill(defaults.fill(asked, chain.layers()));
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
