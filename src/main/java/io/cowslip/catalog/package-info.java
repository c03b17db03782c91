/**
 * What outlives the service, in a database: drives and jobs. It implements what {@code drive} and {@code job} ask for, nobody
 * depends on it, and it alone knows SQL. Requests for data never come here.
 */
@NullMarked
package io.cowslip.catalog;

import org.jspecify.annotations.NullMarked;
