package io.cowslip.ticket;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.HexFormat;
import java.util.random.RandomGenerator;

/**
 * The secret of a ticket, as it stands in its path: 256 random bits, in base64url. Whoever has it may do what the ticket
 * allows, so it is told once, to who asks for the ticket, and only its digest is kept.
 */
public final class TicketToken {
    private static final int RANDOM_BYTES = 32;
    private static final int CHARACTERS = 43;

    private final String value;

    private TicketToken(String value) {
        this.value = value;
    }

    static TicketToken random(RandomGenerator random) {
        byte[] bytes = new byte[RANDOM_BYTES];
        random.nextBytes(bytes);
        return new TicketToken(Base64.getUrlEncoder().withoutPadding().encodeToString(bytes));
    }

    /** What stands where a token should: any text, of which most are nobody's. */
    public static TicketToken of(String text) {
        return new TicketToken(text);
    }

    /** Whether a text has the form of a token, which no name of a ticket has. */
    public static boolean isPossible(String text) {
        return text.length() == CHARACTERS && text.chars().allMatch(TicketToken::isOfBase64Url);
    }

    private static boolean isOfBase64Url(int character) {
        return (character >= 'A' && character <= 'Z')
                || (character >= 'a' && character <= 'z')
                || (character >= '0' && character <= '9')
                || character == '-'
                || character == '_';
    }

    /** The secret itself. */
    public String value() {
        return value;
    }

    /** SHA-256 of the secret, in hexadecimal. With so many random bits nothing more costly is needed. */
    String digest() {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(sha256.digest(value.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** Not the secret. */
    @Override
    public String toString() {
        return "a ticket";
    }
}
