package io.cowslip.web.data;

import io.cowslip.drive.registry.DriveObserver;
import io.cowslip.web.server.WebProperties;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.ApplicationListener;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.core.Ordered;
import tools.jackson.databind.json.JsonMapper;

/** Wires what moves the bytes of disks. */
@Configuration(proxyBeanMethods = false)
class DataConfiguration {

    /** The last filter, so that all others have had their say. */
    @Bean
    FilterRegistrationBean<DataShortcut> dataShortcut(DriveDataController drives, ImageController images) {
        FilterRegistrationBean<DataShortcut> filter = new FilterRegistrationBean<>(new DataShortcut(drives, images));
        filter.addUrlPatterns("/drives/*", "/images/*");
        filter.setOrder(Ordered.LOWEST_PRECEDENCE);
        return filter;
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
}
