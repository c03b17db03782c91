package io.cowslip.drive.registry;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.ApplicationListener;
import org.springframework.core.env.Environment;

/** Says in the log what to try next, once the service answers, as long as the demo image is there to try it with. */
record StartNotice(DemoImage demo) implements ApplicationListener<ApplicationReadyEvent> {
    private static final Logger log = LoggerFactory.getLogger(StartNotice.class);

    private static final String LOOPBACK = "127.0.0.1";

    private static final String TEXT = """


              Cowslip is up at {url}
              Try next:

              # open the demo image as a drive, with a cache option of QEMU's
              curl {url}/drives -H 'Content-Type: application/json' -d '{"id": "demo", "file": "demo.qcow2", "l2-cache-entry-size": 512}'

              # read the first bytes of its disk
              curl {url}/drives/demo/data -H 'Range: bytes=0-77'

              # write over some of them; the answer comes when they are on stable storage
              curl -X PATCH '{url}/drives/demo/data?flush=y' -H 'Content-Type: application/octet-stream' -H 'Content-Range: bytes 0-4/*' -d 'HELLO'

              # make its L2 cache so small, while it is open, that it maps half of the disk
              curl -X PATCH {url}/drives/demo -H 'Content-Type: application/merge-patch+json' -d '{"l2-cache-size": "4K"}'
            """;

    private static final String ACTUATOR_TEXT = """

              # see what its caches did
              curl {url}/drivecaches/demo
            """;

    @Override
    public void onApplicationEvent(ApplicationReadyEvent event) {
        Environment environment = event.getApplicationContext().getEnvironment();
        String port = environment.getProperty("local.server.port");
        if (port != null && demo.present()) {
            String address = environment.getProperty("server.address", LOOPBACK);
            log.info(TEXT.replace("{url}", url(address, port)) + actuatorText(environment, address, port));
        }
    }

    /** Actuator is under the API's port, under one of its own (and then on all addresses by default), or nowhere. */
    private static String actuatorText(Environment environment, String apiAddress, String apiPort) {
        String port = environment.getProperty("local.management.port");
        if (port == null) {
            return "";
        }
        String address =
                port.equals(apiPort) ? apiAddress : environment.getProperty("management.server.address", LOOPBACK);
        String basePath = port.equals(apiPort) ? "" : environment.getProperty("management.server.base-path", "");
        String actuator = environment.getProperty("management.endpoints.web.base-path", "/actuator");
        return ACTUATOR_TEXT.replace("{url}", url(address, port) + basePath + actuator);
    }

    private static String url(String address, String port) {
        return "http://" + (address.contains(":") ? "[" + address + "]" : address) + ":" + port;
    }
}
