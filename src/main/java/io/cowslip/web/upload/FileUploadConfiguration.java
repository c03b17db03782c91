package io.cowslip.web.upload;

import io.cowslip.drive.upload.Uploads;
import io.cowslip.web.data.TransferBuffers;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Wires what takes files in. */
@Configuration(proxyBeanMethods = false)
class FileUploadConfiguration {

    @Bean
    FileUploads fileUploads(Uploads uploads, TransferBuffers buffers) {
        return new FileUploads(uploads, buffers);
    }
}
