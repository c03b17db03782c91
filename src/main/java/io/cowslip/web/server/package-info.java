/**
 * How connections are served: the container's own protocol, whose threads wait for their sockets for a while, the second way
 * in over a Unix domain socket, bodies as they come in, and the properties of all that.
 */
@NullMarked
package io.cowslip.web.server;

import org.jspecify.annotations.NullMarked;
