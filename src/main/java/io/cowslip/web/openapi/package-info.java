/** The description of the API, generated from the controllers, and the pages that explain its problems. */
@NullMarked
package io.cowslip.web.openapi;

import org.jspecify.annotations.NullMarked;
