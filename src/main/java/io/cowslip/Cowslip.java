package io.cowslip;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** Starts the service. */
@SpringBootApplication
public class Cowslip {
    static void main(String[] arguments) {
        SpringApplication.run(Cowslip.class, arguments);
    }
}
