package io.cowslip.engine.image.file;

import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFiles;

/**
 * What an image takes from the outside: files, the policy on names inside images, and where its caches come from.
 *
 * @param files opens host files
 * @param references decides what backing names stand for
 * @param caches makes and destroys the L2 caches
 */
public record ImageEnvironment(HostFiles files, FileReferences references, CacheFactory caches) {}
