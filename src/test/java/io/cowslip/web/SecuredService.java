package io.cowslip.web;

import static io.restassured.RestAssured.given;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;

/** The whole service as it is where callers are told apart: by keys, and by tokens of an issuer that the tests are. */
@SpringBootTest(
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = {
            "cowslip.demo-image=false",
            "cowslip.limits.authentication-failures-per-second=0",
            "server.tomcat.accesslog.enabled=true",
            "server.tomcat.accesslog.buffered=false",
            "server.tomcat.accesslog.pattern=%r %s %U %q %{Referer}i",
            "management.endpoints.web.exposure.include=*",
            "management.endpoints.web.exposure.exclude=heapdump",
            "spring.security.oauth2.resourceserver.jwt.audiences=cowslip",
            "cowslip.security.jwt.prefixes-claim=folders",
            "cowslip.security.api-keys.read.scopes=read",
            "cowslip.security.api-keys.write.scopes=write",
            "cowslip.security.api-keys.manage.scopes=manage",
            "cowslip.security.api-keys.monitor.scopes=monitor",
            "cowslip.security.api-keys.operator.scopes=read,write,manage,monitor",
            "cowslip.security.api-keys.tenant-a.scopes=read,write,manage,monitor",
            "cowslip.security.api-keys.tenant-a.prefixes=tenants/a",
            "cowslip.security.api-keys.tenant-b.scopes=read,write,manage,monitor",
            "cowslip.security.api-keys.tenant-b.prefixes=tenants/b/,tenants/shared/"
        })
abstract class SecuredService {
    static final String OPERATOR = "operator";
    static final String TENANT_A = "tenant-a";
    static final String TENANT_B = "tenant-b";
    static final List<String> CALLERS = List.of("read", "write", "manage", "monitor", OPERATOR, TENANT_A, TENANT_B);

    static final Path ROOT = newFolder();
    static final Path ACCESS_LOG = newFolder();
    static final KeyPair ISSUER = newKeyPair();
    private static final Map<String, String> KEYS = newKeys();

    @LocalServerPort
    private int port;

    private static Path newFolder() {
        try {
            return Files.createTempDirectory("cowslip-secured").toRealPath();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static KeyPair newKeyPair() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
            generator.initialize(2048);
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Map<String, String> newKeys() {
        Map<String, String> keys = new TreeMap<>();
        SecureRandom random = new SecureRandom();
        for (String caller : CALLERS) {
            byte[] key = new byte[32];
            random.nextBytes(key);
            keys.put(caller, HexFormat.of().formatHex(key));
        }
        return keys;
    }

    @DynamicPropertySource
    static void callers(DynamicPropertyRegistry registry) throws IOException {
        Path publicKey = Files.createTempFile("cowslip-issuer", ".pem");
        Files.writeString(
                publicKey,
                "-----BEGIN PUBLIC KEY-----\n"
                        + Base64.getMimeEncoder()
                                .encodeToString(ISSUER.getPublic().getEncoded())
                        + "\n-----END PUBLIC KEY-----\n");
        registry.add("cowslip.image-root", ROOT::toString);
        registry.add("server.tomcat.accesslog.directory", ACCESS_LOG::toString);
        registry.add("spring.security.oauth2.resourceserver.jwt.public-key-location", () -> "file:" + publicKey);
        KEYS.forEach(
                (caller, key) -> registry.add("cowslip.security.api-keys." + caller + ".sha256", () -> sha256(key)));
    }

    private static String sha256(String key) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    @BeforeEach
    void pointToService() {
        RestAssured.reset();
        RestAssured.baseURI = "http://127.0.0.1";
        RestAssured.port = port;
        RestAssured.urlEncodingEnabled = true;
    }

    @AfterEach
    void closeDrives() {
        List<String> ids = as(OPERATOR).get("/drives").jsonPath().getList("id", String.class);
        ids.forEach(id -> as(OPERATOR).delete("/drives/" + id));
    }

    @AfterAll
    static void forgetService() {
        RestAssured.reset();
    }

    static String key(String caller) {
        return String.valueOf(KEYS.get(caller));
    }

    /** A request of the caller who has the key of this name. */
    static RequestSpecification as(String caller) {
        return bearing(key(caller));
    }

    static RequestSpecification bearing(String token) {
        return given().header("Authorization", "Bearer " + token);
    }

    static RequestSpecification json(String caller, String body) {
        return as(caller).contentType(ContentType.JSON).body(body);
    }

    static RequestSpecification octets(String caller, byte[] body) {
        return as(caller).contentType("application/octet-stream").body(body);
    }

    static JWTClaimsSet.Builder claims() {
        return new JWTClaimsSet.Builder()
                .subject("alice")
                .audience("cowslip")
                .expirationTime(Date.from(Instant.now().plusSeconds(600)))
                .claim("folders", List.of("tenants/a/"));
    }

    static String token(JWTClaimsSet.Builder claims, KeyPair signer) {
        try {
            SignedJWT token = new SignedJWT(new JWSHeader(JWSAlgorithm.RS256), claims.build());
            token.sign(new RSASSASigner(signer.getPrivate()));
            return token.serialize();
        } catch (JOSEException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Makes a volume and opens it, as somebody who may. */
    static void createAndOpen(String caller, String id, String volume) {
        create(caller, volume);
        json(caller, "{\"id\": \"" + id + "\", \"file\": \"" + volume + "\"}")
                .post("/drives")
                .then()
                .statusCode(201);
    }

    static void create(String caller, String volume) {
        try {
            Files.deleteIfExists(ROOT.resolve(volume));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        json(caller, "{\"virtual-size\": \"1M\"}")
                .put("/volumes/" + volume)
                .then()
                .statusCode(201);
    }
}
