package io.cowslip.web.json;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.SizeText;
import io.cowslip.web.problem.Refusal;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.deser.std.StdDeserializer;

/** Reads {@link ByteSize} from JSON. */
final class ByteSizeReader extends StdDeserializer<ByteSize> {

    ByteSizeReader() {
        super(ByteSize.class);
    }

    @Override
    public ByteSize deserialize(JsonParser parser, DeserializationContext context) {
        JsonToken token = parser.currentToken();
        if (token != JsonToken.VALUE_NUMBER_INT && token != JsonToken.VALUE_STRING) {
            return (ByteSize) context.handleUnexpectedToken(getValueType(context), parser);
        }
        try {
            return new ByteSize(SizeText.parse(String.valueOf(parser.currentName()), parser.getString()));
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }
}
