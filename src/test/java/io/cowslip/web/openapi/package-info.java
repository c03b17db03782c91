@NullMarked
package io.cowslip.web.openapi;

import org.jspecify.annotations.NullMarked;
