@NullMarked
package io.cowslip.security;

import org.jspecify.annotations.NullMarked;
