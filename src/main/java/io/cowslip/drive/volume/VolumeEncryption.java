package io.cowslip.drive.volume;

import io.cowslip.engine.image.options.NewEncryption;
import io.cowslip.engine.image.options.Secret;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The encryption of a volume to be made.
 *
 * @param options what encrypts it, with the passphrase unless {@code keySecretFile} is given
 * @param keySecretFile the file in the secrets folder that holds the passphrase; null: it is in {@code options}
 * @param iterTimeMillis how long a passphrase may take to be tried
 */
public record VolumeEncryption(
        NewEncryption options, @Nullable String keySecretFile, long iterTimeMillis) {

    /** The same with its passphrase, for the caller to wipe, and with as many iterations as take that long here. */
    public NewEncryption keyed(SecretFolder secrets) throws IOException {
        Secret secret = keySecretFile == null ? options.keySecret() : secrets.read(keySecretFile);
        boolean done = false;
        try {
            NewEncryption keyed = options.withKeySecret(secret);
            NewEncryption timed = keyed.withIterations(keyed.iterationsIn(iterTimeMillis, System::nanoTime));
            done = true;
            return timed;
        } finally {
            if (!done) {
                secret.close();
            }
        }
    }
}
