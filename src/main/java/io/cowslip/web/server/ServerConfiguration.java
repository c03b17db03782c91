package io.cowslip.web.server;

import io.cowslip.drive.LimitObserver;
import io.cowslip.drive.LimitProperties;
import java.util.Objects;
import org.apache.catalina.connector.Connector;
import org.apache.tomcat.util.buf.EncodedSolidusHandling;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.web.servlet.config.annotation.ApiVersionConfigurer;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;

/** Wires how the container serves connections, and where the version of the API is asked for. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(WebProperties.class)
class ServerConfiguration implements WebMvcConfigurer {

    /** The version travels in a header, so that paths stay what they are. */
    @Override
    public void configureApiVersioning(ApiVersionConfigurer versions) {
        versions.useRequestHeader(ApiVersion.HEADER).addSupportedVersions("1").setVersionRequired(false);
    }

    /** Socket buffers that take a whole cluster at once, and no 100 Continue before somebody wants the body. */
    @Bean
    WebServerFactoryCustomizer<TomcatServletWebServerFactory> dataConnector(
            WebProperties properties, SlowClients slowClients) {
        return server -> {
            server.setProtocol(DataProtocol.class.getName());
            server.addConnectorCustomizers(connector -> tune(connector, properties, slowClients));
        };
    }

    /** The web server is there before what counts. */
    @Bean
    SlowClients slowClients(LimitProperties limits, ObjectProvider<LimitObserver> observers) {
        return new SlowClients(limits, limit -> observers.forEach(observer -> observer.refused(limit)));
    }

    @Bean
    @ConditionalOnProperty("cowslip.web.unix-socket")
    UnixSocketListener unixSocketListener(WebProperties properties, SlowClients slowClients) {
        return new UnixSocketListener(
                Objects.requireNonNull(properties.unixSocket()),
                properties.unixSocketPermissions(),
                connector -> tune(connector, properties, slowClients));
    }

    private static void tune(Connector connector, WebProperties properties, SlowClients slowClients) {
        if (connector.getProtocolHandler() instanceof DataProtocol protocol) {
            protocol.endSlow(slowClients);
        }
        String buffer = String.valueOf(properties.socketBuffer().toBytes());
        connector.setProperty("socket.appReadBufSize", buffer);
        connector.setProperty("socket.appWriteBufSize", buffer);
        connector.setProperty("socket.directBuffer", "true");
        connector.setProperty("continueResponseTiming", "onRead");
        connector.setProperty("maxKeepAliveRequests", "-1");
        // Bitmaps and snapshots that others made may have a slash in their names.
        connector.setEncodedSolidusHandling(EncodedSolidusHandling.PASS_THROUGH.getValue());
    }
}
