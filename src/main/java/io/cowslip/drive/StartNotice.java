package io.cowslip.drive;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.ApplicationListener;
import org.springframework.core.env.Environment;

/** Says in the log what to try next, once the service answers, as long as the demo image is there to try it with. */
record StartNotice(DemoImage demo) implements ApplicationListener<ApplicationReadyEvent> {
    private static final Logger log = LoggerFactory.getLogger(StartNotice.class);

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

              # see what its caches did
              curl {url}/actuator/drivecaches/demo
            """;

    @Override
    public void onApplicationEvent(ApplicationReadyEvent event) {
        Environment environment = event.getApplicationContext().getEnvironment();
        String port = environment.getProperty("local.server.port");
        if (port != null && demo.present()) {
            log.info(TEXT.replace("{url}", url(environment, port)));
        }
    }

    private static String url(Environment environment, String port) {
        String address = environment.getProperty("server.address", "127.0.0.1");
        return "http://" + (address.contains(":") ? "[" + address + "]" : address) + ":" + port;
    }
}
