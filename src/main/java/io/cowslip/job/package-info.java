/** What takes long: work in the background, with progress, cancellation and a result that stays to be fetched. */
@NullMarked
package io.cowslip.job;

import org.jspecify.annotations.NullMarked;
