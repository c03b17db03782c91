/**
 * Files on their way to becoming volumes: what has come in of each, which outlives the service; one request at a time that
 * adds to it; what it must be before it gets its name; and the end of those that nobody goes on with.
 */
@NullMarked
package io.cowslip.drive.upload;

import org.jspecify.annotations.NullMarked;
