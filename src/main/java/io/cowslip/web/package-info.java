/**
 * The REST face: drives, their data and volumes over HTTP. A package for each kind of resource has its controllers and what
 * their bodies are made of ({@link io.cowslip.web.drive}, {@link io.cowslip.web.data}, {@link io.cowslip.web.volume}, {@link
 * io.cowslip.web.upload}, {@link io.cowslip.web.job}); below them, {@link io.cowslip.web.problem} makes failures into
 * answers, {@link io.cowslip.web.json} reads what all of them take, {@link io.cowslip.web.server} serves the connections,
 * and {@link io.cowslip.web.openapi} describes it all.
 */
@NullMarked
package io.cowslip.web;

import org.jspecify.annotations.NullMarked;
