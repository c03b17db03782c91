package io.cowslip.web.hostile;

import static io.restassured.RestAssured.given;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The extents that VMDK descriptors name are in the image root, and descriptors are bounded. */
@DisplayName("VMDK/OVA descriptors: CVE-2022-47951")
class VmdkDescriptorsTest extends HostileService {
    private String descriptor(String extent) {
        return "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
                + extent + "\n";
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{secret}",
                "{above}",
                "json:{}",
                "nbd:x",
                "file:{secret}",
                "./{above}",
                "/dev/zero",
                "..\\..\\secret.raw",
                "link"
            })
    void extentsAreBelowTheRoot(String name) throws IOException {
        String extent = name.replace("{secret}", secret()).replace("{above}", above());
        Files.createSymbolicLink(file("hostile/link"), OUTSIDE.resolve("secret.raw"));
        byte[] text = descriptor("RW 2048 FLAT \"" + extent + "\" 0").getBytes(StandardCharsets.US_ASCII);
        Files.write(file("hostile/disk.vmdk"), text);
        String secretText = extent.length() > 5 ? extent : "not to be found";
        for (String options : List.of("\"read-only\": true", "\"read-only\": true, \"format\": \"vmdk\"")) {
            assertRefused(
                    "a drive",
                    json("{\"file\": \"hostile/disk.vmdk\", " + options + "}").post("/drives"),
                    secretText);
        }
        assertRefused("the facts", given().get("/volumes/hostile/disk.vmdk"), secretText);
        file("hostile/up.vmdk");
        assertRefused("an upload", octets(text).put("/files/hostile/up.vmdk?format=vmdk"), secretText);
        Files.write(file("hostile/own.raw"), filled(MIB, 1));
        assertRefused(
                "an upload that names another",
                octets(text).put("/files/hostile/up.vmdk?format=vmdk&data-file=hostile/own.raw"),
                secretText);
    }

    @Test
    void descriptorsAreBounded() throws IOException {
        byte[] text = Arrays.copyOf(descriptor("RW 2048 ZERO").getBytes(StandardCharsets.US_ASCII), 70 * MIB);
        Arrays.fill(text, 200, text.length, (byte) ' ');
        Files.write(file("hostile/long.vmdk"), text);
        assertRefused("the facts", given().get("/volumes/hostile/long.vmdk"));
        assertRefused(
                "a drive",
                json("{\"file\": \"hostile/long.vmdk\", \"format\": \"vmdk\", \"read-only\": true}")
                        .post("/drives"));
        Files.delete(root().resolve("hostile/long.vmdk"));
    }
}
