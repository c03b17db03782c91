package io.cowslip.engine.image.check;

import org.jspecify.annotations.Nullable;

/**
 * An L1 table to be checked.
 *
 * @param snapshot whose it is; null for the active one
 * @param hostOffset where it lies
 * @param entries entries in it
 */
public record L1Place(@Nullable String snapshot, long hostOffset, int entries) {
    boolean isActive() {
        return snapshot == null;
    }
}
