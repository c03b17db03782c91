@NullMarked
package io.cowslip.web.server;

import org.jspecify.annotations.NullMarked;
