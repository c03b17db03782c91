/**
 * What outlives the service, in a database: drives, jobs and tickets. It implements what {@code drive}, {@code job} and {@code ticket}
 * ask for, nobody depends on it, and it alone knows SQL. Requests for data never come here.
 */
@NullMarked
package io.cowslip.catalog;

import org.jspecify.annotations.NullMarked;
