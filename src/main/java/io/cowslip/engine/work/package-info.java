/**
 * Long work on all cores: how a disk is cut into pieces for it, which threads do it, and who watches and may stop it.
 */
@NullMarked
package io.cowslip.engine.work;

import org.jspecify.annotations.NullMarked;
