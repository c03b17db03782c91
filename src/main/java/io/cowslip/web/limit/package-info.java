/** What one caller may have of requests, bytes and jobs, and how long a body may be that is read whole. */
@NullMarked
package io.cowslip.web.limit;

import org.jspecify.annotations.NullMarked;
