/** Tests of the catalogue, on the databases that it runs on. */
@NullMarked
package io.cowslip.catalog;

import org.jspecify.annotations.NullMarked;
