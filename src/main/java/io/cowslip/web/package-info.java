/** The REST face: drives, their data and volumes over HTTP, and the one place where failures become problems. */
@NullMarked
package io.cowslip.web;

import org.jspecify.annotations.NullMarked;
