package io.cowslip.web.json;

import io.cowslip.engine.image.options.Secret;
import java.nio.CharBuffer;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.deser.std.StdDeserializer;

/** Reads a {@link Secret} from JSON, without making a string of it. */
final class SecretReader extends StdDeserializer<Secret> {

    SecretReader() {
        super(Secret.class);
    }

    @Override
    public Secret deserialize(JsonParser parser, DeserializationContext context) {
        if (parser.currentToken() != JsonToken.VALUE_STRING) {
            return (Secret) context.handleUnexpectedToken(getValueType(context), parser);
        }
        return Secret.of(
                CharBuffer.wrap(parser.getStringCharacters(), parser.getStringOffset(), parser.getStringLength()));
    }
}
