package io.cowslip.engine.image.options;

import io.cowslip.engine.ImageException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A passphrase in memory, until {@link #close}. It is shown nowhere: not by {@link #toString}, and nothing else but the
 * engine can read it. Used by one thread at a time.
 */
public final class Secret implements AutoCloseable {
    private final char[] characters;

    private Secret(char[] characters) {
        this.characters = characters;
    }

    /** The secret that {@code characters} are; a copy is kept. */
    public static Secret of(CharSequence characters) {
        char[] copy = new char[characters.length()];
        for (int index = 0; index < copy.length; index++) {
            copy[index] = characters.charAt(index);
        }
        return new Secret(copy);
    }

    /** The secret that {@code utf8}, which the caller wipes, says in UTF-8. */
    public static Secret ofUtf8(byte[] utf8) {
        CharBuffer decoded = StandardCharsets.UTF_8.decode(ByteBuffer.wrap(utf8));
        char[] copy = new char[decoded.remaining()];
        decoded.get(copy);
        Arrays.fill(decoded.array(), '\0');
        return new Secret(copy);
    }

    /**
     * Refuses to go on without a passphrase, saying {@code missing}.
     *
     * @throws ImageException INVALID_OPTION
     */
    public static Secret require(@Nullable Secret secret, String missing) throws ImageException {
        if (secret == null || secret.isEmpty()) {
            throw ImageException.invalidOption("encrypt.key-secret", missing);
        }
        return secret;
    }

    /** The passphrase in UTF-8, for whoever derives a key from it and wipes this copy then. */
    public byte[] utf8() {
        ByteBuffer encoded = StandardCharsets.UTF_8.encode(CharBuffer.wrap(characters));
        byte[] utf8 = new byte[encoded.remaining()];
        encoded.get(utf8);
        Arrays.fill(encoded.array(), (byte) 0);
        return utf8;
    }

    /** Whether nothing is in it: it was empty from the start, or is wiped. */
    public boolean isEmpty() {
        for (char character : characters) {
            if (character != '\0') {
                return false;
            }
        }
        return true;
    }

    /** Wipes it. */
    @Override
    public void close() {
        Arrays.fill(characters, '\0');
    }

    @Override
    public String toString() {
        return "(secret)";
    }
}
