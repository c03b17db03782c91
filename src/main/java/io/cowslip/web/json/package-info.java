/**
 * What requests of several kinds are made of: sizes and passphrases in JSON, the open options of an image, merge patches, and
 * query parameters.
 */
@NullMarked
package io.cowslip.web.json;

import org.jspecify.annotations.NullMarked;
