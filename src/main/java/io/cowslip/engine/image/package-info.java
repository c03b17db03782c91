/** The engine's face: an open image, its map, its writer, and the one order in which metadata reaches the disk. */
@NullMarked
package io.cowslip.engine.image;

import org.jspecify.annotations.NullMarked;
