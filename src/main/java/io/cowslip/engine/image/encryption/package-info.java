/**
 * The encryption of an image: from a passphrase to what reads and writes the guest's bytes, and the key slots of LUKS
 * (qcow2 specification, "Data encryption").
 */
@NullMarked
package io.cowslip.engine.image.encryption;

import org.jspecify.annotations.NullMarked;
