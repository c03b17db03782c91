package io.cowslip.drive;

import org.springframework.context.annotation.ComponentScan;

/** All beans of the service layer, for tests that start nothing else. No component itself, so that no other scan finds it. */
@ComponentScan
public final class ServiceLayer {}
