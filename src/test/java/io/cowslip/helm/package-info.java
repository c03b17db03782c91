/** Tests of the Helm chart, by what Helm renders of it. */
@NullMarked
package io.cowslip.helm;

import org.jspecify.annotations.NullMarked;
