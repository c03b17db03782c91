/**
 * The bytes of disks over HTTP, of drives and to who has a ticket: ranges, conditions, digests, writes, extents and
 * checksums, and whole disks that are made into files while they are sent. GET, HEAD and PUT take a short way past the
 * dispatcher: {@link io.cowslip.web.data.DataShortcut}.
 */
@NullMarked
package io.cowslip.web.data;

import org.jspecify.annotations.NullMarked;
