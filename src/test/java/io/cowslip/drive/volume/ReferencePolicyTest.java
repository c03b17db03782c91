package io.cowslip.drive.volume;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.drive.ReferencePolicy;
import io.cowslip.drive.ReferencePolicy.Rule;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.file.FileReferences.Role;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which names inside images are followed, by an operator's rule and by where the image came from. */
@DisplayName("References inside images: CVE-2011-3147, CVE-2015-5163, CVE-2026-27211, CVE-2024-32498")
class ReferencePolicyTest {
    @TempDir
    private Path folder;

    @BeforeEach
    void setUp() throws IOException {
        Files.createDirectories(folder.resolve("vm/deeper"));
        Files.writeString(folder.resolve("vm/image"), "image");
        Files.writeString(folder.resolve("vm/beside"), "beside");
        Files.writeString(folder.resolve("above"), "above");
        Files.createSymbolicLink(folder.resolve("vm/link"), Path.of("../above"));
    }

    private ImageRoot root(Rule backing, Rule data) throws IOException {
        return ImageRoot.at(folder, new ReferencePolicy(backing, data), VolumeLimits.NONE);
    }

    private static void assertRefused(Role role, Kind kind, ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .satisfies(refused -> assertThat(refused.kind()).isEqualTo(kind))
                .satisfies(refused -> assertThat(refused.option()).isEqualTo(role.option()));
    }

    @Test
    void nothingIsFollowedWhereThatIsDenied() throws IOException {
        ImageRoot root = root(Rule.DENY, Rule.FOLLOW);
        Path image = root.existing("vm/image");
        assertRefused(Role.BACKING_FILE, Kind.FORBIDDEN, () -> root.resolve(image, "beside", Role.BACKING_FILE));
        assertRefused(Role.BACKING_FILE, Kind.FORBIDDEN, () -> root.resolveGiven(image, "beside", Role.BACKING_FILE));
        assertThat(root.resolve(image, "../above", Role.DATA_FILE)).hasContent("above");
        ImageRoot other = root(Rule.FOLLOW, Rule.DENY);
        assertThat(other.resolve(image, "../above", Role.BACKING_FILE)).hasContent("above");
        assertRefused(Role.DATA_FILE, Kind.FORBIDDEN, () -> other.resolve(image, "beside", Role.DATA_FILE));
        assertRefused(Role.DATA_FILE, Kind.FORBIDDEN, () -> other.resolveNew(image, "new"));
        assertThat(folder.resolve("vm/new")).doesNotExist();
    }

    @Test
    void theSameFolderIsThatOfTheFileAndNotOfItsName() throws IOException {
        ImageRoot root = root(Rule.SAME_FOLDER, Rule.SAME_FOLDER);
        Path image = root.existing("vm/image");
        for (Role role : Role.values()) {
            assertThat(root.resolve(image, "beside", role)).hasContent("beside");
            assertThat(root.resolve(image, "deeper/../beside", role)).hasContent("beside");
            assertRefused(role, Kind.FORBIDDEN, () -> root.resolve(image, "../above", role));
            assertRefused(role, Kind.FORBIDDEN, () -> root.resolve(image, "link", role));
        }
        assertThat(root.resolveNew(image, "new")).hasFileName("new");
        assertRefused(Role.DATA_FILE, Kind.FORBIDDEN, () -> root.resolveNew(image, "made/new"));
        assertThat(folder.resolve("vm/made")).doesNotExist();
    }

    @Test
    @DisplayName(
            "An image that was uploaded without a backing file has none after a restart either, until a request says so")
    void whereAnImageCameFromIsKnownAfterARestart() throws IOException {
        ImageRoot root = ImageRoot.at(folder);
        ImageEnvironment environment = new ImageEnvironment(root.files(), root, CacheFactory.plain());
        Path image = root.newEntry("vm/uploaded.qcow2");
        ImageCreator.create(image, CreateOptions.qcow2(1 << 20), environment);
        UploadedReferences.note(root, ImageInfo.chain(image, environment).getFirst());
        ImageRoot restarted = ImageRoot.at(folder);
        for (Role role : Role.values()) {
            assertRefused(role, Kind.INVALID_FORMAT, () -> restarted.resolve(image, "beside", role));
            assertThat(restarted.resolveGiven(image, "beside", role)).hasContent("beside");
        }
        UploadedReferences.allow(restarted, image);
        assertThat(ImageRoot.at(folder).resolve(image, "beside", Role.BACKING_FILE))
                .hasContent("beside");
    }

    @Test
    @DisplayName(
            "Format confusion, CVE-2026-24708: what a guest is going to write is raw from then on, also after a restart")
    void whatWasNotedOfAFormatStays() throws IOException {
        ImageRoot root = ImageRoot.at(folder);
        PinnedFormats formats = PinnedFormats.of(root);
        Path image = root.existing("vm/image");
        formats.pinRaw(image, root.files());
        Files.write(image, new byte[] {'Q', 'F', 'I', (byte) 0xfb, 0, 0, 0, 3});
        PinnedFormats restarted = PinnedFormats.of(ImageRoot.at(folder));
        assertThat(restarted.of(image)).isEqualTo(ImageFormat.RAW);
        assertThat(restarted.asked(image).format()).isEqualTo(ImageFormat.RAW);
        Path looks = Files.copy(image, folder.resolve("vm/looks"));
        formats.pinRaw(looks, root.files());
        assertThat(restarted.of(looks)).isNull();
    }
}
