/**
 * An image's file, as everything that reads or writes one begins with it: what format it is in, its qcow2 header, which
 * other files it names, and whether it has bytes that no sync covers.
 */
@NullMarked
package io.cowslip.engine.image.file;

import org.jspecify.annotations.NullMarked;
