/** Bytes on the host: files, native calls, and memory outside the heap. Knows nothing of clusters. */
@NullMarked
package io.cowslip.engine.host;

import org.jspecify.annotations.NullMarked;
