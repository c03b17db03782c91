/**
 * New images: what can be created, where everything lies in a new file, in which steps it is made, and how much it will
 * take.
 */
@NullMarked
package io.cowslip.engine.image.create;

import org.jspecify.annotations.NullMarked;
