/** The contract of the REST face, asked over HTTP as any client would. */
@NullMarked
package io.cowslip.web;

import org.jspecify.annotations.NullMarked;
