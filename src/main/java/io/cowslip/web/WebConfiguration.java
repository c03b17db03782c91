package io.cowslip.web;

import io.cowslip.drive.LimitObserver;
import io.cowslip.drive.LimitProperties;
import io.cowslip.drive.registry.DriveObserver;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.upload.Uploads;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.job.JobService;
import io.cowslip.ticket.TicketId;
import io.cowslip.ticket.Tickets;
import java.util.Objects;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.core.StandardHost;
import org.apache.tomcat.util.buf.EncodedSolidusHandling;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.jackson.autoconfigure.JsonMapperBuilderCustomizer;
import org.springframework.boot.tomcat.servlet.TomcatServletWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.ApplicationListener;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.core.Ordered;
import org.springframework.web.servlet.HandlerExceptionResolver;
import org.springframework.web.servlet.config.annotation.ApiVersionConfigurer;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.module.SimpleModule;

/** Wires the web layer. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties({WebProperties.class, CallerProperties.class})
class WebConfiguration implements WebMvcConfigurer {
    /** The header that the API's version travels in. */
    static final String API_VERSION = "API-Version";

    private static final int AFTER_AUTHENTICATION = -90;
    private static final int MAX_CALLERS = 10_000;

    /** The one setting of JSON: kebab-case, nothing guessed and nothing overlooked. */
    @Bean
    JsonMapperBuilderCustomizer strictKebabCase() {
        return json -> json.propertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE)
                .changeDefaultPropertyInclusion(inclusion ->
                        inclusion.withValueInclusion(com.fasterxml.jackson.annotation.JsonInclude.Include.NON_NULL))
                .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
                .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
                .addModule(new SimpleModule()
                        .addDeserializer(ByteSize.class, new ByteSizeReader())
                        .addDeserializer(Secret.class, new SecretReader()));
    }

    /** The version travels in a header, so that paths stay what they are. */
    @Override
    public void configureApiVersioning(ApiVersionConfigurer versions) {
        versions.useRequestHeader(API_VERSION).addSupportedVersions("1").setVersionRequired(false);
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
        return new SlowClients(limits, all(observers));
    }

    private static LimitObserver all(ObjectProvider<LimitObserver> observers) {
        return limit -> observers.forEach(observer -> observer.refused(limit));
    }

    @Bean
    @ConditionalOnProperty("cowslip.web.unix-socket")
    UnixSocketListener unixSocketListener(WebProperties properties, SlowClients slowClients) {
        return new UnixSocketListener(
                Objects.requireNonNull(properties.unixSocket()),
                properties.unixSocketPermissions(),
                connector -> tune(connector, properties, slowClients));
    }

    /** What the container refuses by itself is a problem too. */
    @Bean
    WebServerFactoryCustomizer<TomcatServletWebServerFactory> containerProblems() {
        return server -> server.addContextCustomizers(context -> {
            if (context.getParent() instanceof StandardHost host) {
                host.setErrorReportValveClass(ContainerProblems.class.getName());
            }
        });
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

    @Bean
    FilterRegistrationBean<SecurityHeaders> securityHeaders() {
        FilterRegistrationBean<SecurityHeaders> filter = new FilterRegistrationBean<>(new SecurityHeaders());
        filter.setOrder(Ordered.HIGHEST_PRECEDENCE);
        return filter;
    }

    /** After the filters that find out who asks, which Spring Security has at -100. */
    @Bean
    FilterRegistrationBean<CallerLimits> callerLimits(
            CallerProperties limits,
            Tickets tickets,
            @Qualifier("handlerExceptionResolver") HandlerExceptionResolver problems) {
        FilterRegistrationBean<CallerLimits> filter = new FilterRegistrationBean<>(new CallerLimits(
                new CallerBudgets(limits, MAX_CALLERS),
                token -> tickets.idOf(token).map(TicketId::value),
                problems));
        filter.setOrder(AFTER_AUTHENTICATION);
        filter.setEnabled(limits.limitRequests());
        return filter;
    }

    @Bean
    FilterRegistrationBean<JsonBodyLimit> jsonBodyLimit(
            LimitProperties limits, @Qualifier("handlerExceptionResolver") HandlerExceptionResolver problems) {
        FilterRegistrationBean<JsonBodyLimit> filter =
                new FilterRegistrationBean<>(new JsonBodyLimit(limits.jsonBody().bytes(), problems));
        filter.setOrder(AFTER_AUTHENTICATION + 1);
        return filter;
    }

    @Bean
    CallerJobs callerJobs(JobService jobs, CallerProperties limits) {
        return new CallerJobs(jobs, limits);
    }

    /** The last filter, so that all others have had their say. */
    @Bean
    FilterRegistrationBean<DataShortcut> dataShortcut(DriveDataController drives, ImageController images) {
        FilterRegistrationBean<DataShortcut> filter = new FilterRegistrationBean<>(new DataShortcut(drives, images));
        filter.addUrlPatterns("/drives/*", "/images/*");
        filter.setOrder(Ordered.LOWEST_PRECEDENCE);
        return filter;
    }

    @Bean
    JsonDriveOptions jsonDriveOptions(JsonMapper json) {
        return new JsonDriveOptions(json);
    }

    @Bean
    JobJson jobJson(DriveRegistry registry, Volumes volumes, JsonMapper json) {
        return new JobJson(registry, volumes, json);
    }

    @Bean
    TransferBuffers transferBuffers(WebProperties properties) {
        return new TransferBuffers(Math.toIntExact(properties.transferBuffer().toBytes()));
    }

    @Bean
    ContentDigests contentDigests(WebProperties properties) {
        return new ContentDigests(Math.toIntExact(properties.verifyLimit().toBytes()), properties.verifications());
    }

    @Bean
    OperationClock operationClock(ObjectProvider<DriveObserver> observers) {
        return new OperationClock(DriveObserver.all(observers.orderedStream().toList()));
    }

    @Bean
    DataOptions dataOptions(WebProperties properties) {
        return new DataOptions(properties);
    }

    @Bean
    DataReads dataReads(
            TransferBuffers buffers, ContentDigests digests, OperationClock clock, WebProperties properties) {
        return new DataReads(buffers, digests, clock, properties.zeroCopy());
    }

    @Bean
    ImageDownloads imageDownloads(DataReads reads, WebProperties properties) {
        return new ImageDownloads(
                reads,
                new DownloadLimits(
                        properties.compressedDownloads(),
                        properties.downloadPlans(),
                        properties.downloadMemory().toBytes()));
    }

    /** Before anything else ends, so that nothing waits for what no one will get. */
    @Bean
    ApplicationListener<ContextClosedEvent> endOfDownloadPlans(ImageDownloads downloads) {
        return closed -> downloads.end();
    }

    @Bean
    FileUploads fileUploads(Uploads uploads, TransferBuffers buffers) {
        return new FileUploads(uploads, buffers);
    }

    @Bean
    DataWrites dataWrites(TransferBuffers buffers, ContentDigests digests, OperationClock clock) {
        return new DataWrites(buffers, digests, clock);
    }

    @Bean
    DataPatches dataPatches(DataWrites writes, JsonMapper json) {
        return new DataPatches(writes, json);
    }

    @Bean
    DataExtents dataExtents() {
        return new DataExtents();
    }

    @Bean
    DataChecksums dataChecksums(TransferBuffers buffers) {
        return new DataChecksums(buffers);
    }
}
