WITH "t14" AS (
  SELECT
    "t13"."w",
    CAST(0 AS INT) AS "level",
    "t13"."a_s0" AS "m0",
    "t13"."a_s1" AS "m1",
    "t13"."a_u2" AS "m2",
    IFF("t13"."a_n3" > 0, "t13"."a_s3" / NULLIF("t13"."a_n3", 0.0), CAST(NULL AS DOUBLE)) AS "m3",
    "t13"."a_s0" AS "traffic"
  FROM (
    SELECT
      "t12"."w",
      SUM("t12"."s0") AS "a_s0",
      SUM("t12"."s1") AS "a_s1",
      CAST(COUNT(DISTINCT "t12"."u2") AS DOUBLE) AS "a_u2",
      SUM("t12"."s3") AS "a_s3",
      SUM("t12"."n3") AS "a_n3"
    FROM (
      SELECT
        "t11"."s0",
        "t11"."s1",
        "t11"."u2",
        "t11"."s3",
        "t11"."n3",
        "t11"."sec",
        "t11"."relative",
        CAST(CAST(FLOOR((
          "t11"."relative"
        ) / (
          3600
        )) AS BIGINT) AS INT) AS "w"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t9"."s0",
            "t9"."s1",
            "t9"."u2",
            "t9"."s3",
            "t9"."n3",
            "t9"."sec",
            "t9"."sec" - 1711753200 AS "relative"
          FROM (
            SELECT
              "t8"."unusable",
              "t8"."negative",
              "t8"."s0",
              "t8"."s1",
              "t8"."u2",
              "t8"."s3",
              "t8"."n3",
              "t8"."sec",
              "t8"."t" IS NULL AS "blank"
            FROM (
              SELECT
                "t7"."t",
                "t7"."unusable",
                "t7"."negative",
                "t7"."s0",
                "t7"."s1",
                "t7"."u2",
                "t7"."s3",
                "t7"."n3",
                "t7"."t_stripped",
                "t7"."t_text",
                "t7"."t_n",
                "t7"."t_has_second",
                "t7"."t_zulu",
                "t7"."t_hours",
                "t7"."t_compact",
                "t7"."t_colon",
                "t7"."t_year",
                "t7"."t_month",
                "t7"."t_day",
                "t7"."t_hour",
                "t7"."t_minute",
                "t7"."t_second",
                "t7"."t_has_offset",
                "t7"."t_sign",
                "t7"."t_offset_hour",
                "t7"."t_offset_minute",
                "t7"."t_exists",
                "t7"."t_march_year",
                "t7"."t_march_month",
                "t7"."t_local",
                CASE
                  WHEN "t7"."t_zulu"
                  THEN "t7"."t_local"
                  WHEN "t7"."t_has_offset"
                  THEN "t7"."t_local" - (
                    "t7"."t_sign" * (
                      (
                        "t7"."t_offset_hour" * 3600
                      ) + (
                        "t7"."t_offset_minute" * 60
                      )
                    )
                  )
                  ELSE "t7"."t_local" - CASE WHEN "t7"."t_local" < 1711854000 THEN 3600 ELSE 7200 END
                END AS "sec"
              FROM (
                SELECT
                  "t6"."t",
                  "t6"."unusable",
                  "t6"."negative",
                  "t6"."s0",
                  "t6"."s1",
                  "t6"."u2",
                  "t6"."s3",
                  "t6"."n3",
                  "t6"."t_stripped",
                  "t6"."t_text",
                  "t6"."t_n",
                  "t6"."t_has_second",
                  "t6"."t_zulu",
                  "t6"."t_hours",
                  "t6"."t_compact",
                  "t6"."t_colon",
                  "t6"."t_year",
                  "t6"."t_month",
                  "t6"."t_day",
                  "t6"."t_hour",
                  "t6"."t_minute",
                  "t6"."t_second",
                  "t6"."t_has_offset",
                  "t6"."t_sign",
                  "t6"."t_offset_hour",
                  "t6"."t_offset_minute",
                  "t6"."t_exists",
                  "t6"."t_march_year",
                  "t6"."t_march_month",
                  IFF(
                    "t6"."t_exists",
                    (
                      (
                        (
                          (
                            "t6"."t_march_year" * 365
                          ) + (
                            (
                              CAST(FLOOR((
                                "t6"."t_march_year"
                              ) / (
                                4
                              )) AS BIGINT) - CAST(FLOOR((
                                "t6"."t_march_year"
                              ) / (
                                100
                              )) AS BIGINT)
                            ) + CAST(FLOOR((
                              "t6"."t_march_year"
                            ) / (
                              400
                            )) AS BIGINT)
                          ) + CAST(FLOOR((
                            (
                              "t6"."t_march_month" * 153
                            ) + 2
                          ) / (
                            5
                          )) AS BIGINT) + "t6"."t_day"
                        ) - 719469
                      ) * 86400
                    ) + (
                      "t6"."t_hour" * 3600
                    ) + (
                      "t6"."t_minute" * 60
                    ) + "t6"."t_second",
                    CAST(NULL AS BIGINT)
                  ) AS "t_local"
                FROM (
                  SELECT
                    "t5"."t",
                    "t5"."unusable",
                    "t5"."negative",
                    "t5"."s0",
                    "t5"."s1",
                    "t5"."u2",
                    "t5"."s3",
                    "t5"."n3",
                    "t5"."t_stripped",
                    "t5"."t_text",
                    "t5"."t_n",
                    "t5"."t_has_second",
                    "t5"."t_zulu",
                    "t5"."t_hours",
                    "t5"."t_compact",
                    "t5"."t_colon",
                    "t5"."t_year",
                    "t5"."t_month",
                    "t5"."t_day",
                    "t5"."t_hour",
                    "t5"."t_minute",
                    "t5"."t_second",
                    "t5"."t_has_offset",
                    "t5"."t_sign",
                    "t5"."t_offset_hour",
                    "t5"."t_offset_minute",
                    "t5"."t_day" BETWEEN 1 AND CASE
                      WHEN "t5"."t_month" IN (4, 6, 9, 11)
                      THEN 30
                      WHEN "t5"."t_month" = 2
                      THEN IFF(
                        (
                          (
                            (
                              "t5"."t_year" % 4
                            ) = 0
                          )
                          AND (
                            (
                              "t5"."t_year" % 100
                            ) <> 0
                          )
                        )
                        OR (
                          (
                            "t5"."t_year" % 400
                          ) = 0
                        ),
                        29,
                        28
                      )
                      WHEN "t5"."t_month" BETWEEN 1 AND 12
                      THEN 31
                      ELSE 0
                    END
                    AND "t5"."t_year" BETWEEN 1900 AND 2199
                    AND (
                      "t5"."t_hour" <= 23
                    )
                    AND (
                      "t5"."t_minute" <= 59
                    )
                    AND (
                      "t5"."t_second" <= 59
                    ) AS "t_exists",
                    IFF("t5"."t_month" > 2, "t5"."t_year", "t5"."t_year" - 1) AS "t_march_year",
                    IFF("t5"."t_month" > 2, "t5"."t_month" - 3, "t5"."t_month" + 9) AS "t_march_month"
                  FROM (
                    SELECT
                      "t4"."t",
                      "t4"."unusable",
                      "t4"."negative",
                      "t4"."s0",
                      "t4"."s1",
                      "t4"."u2",
                      "t4"."s3",
                      "t4"."n3",
                      "t4"."t_stripped",
                      "t4"."t_text",
                      "t4"."t_n",
                      "t4"."t_has_second",
                      "t4"."t_zulu",
                      "t4"."t_hours",
                      "t4"."t_compact",
                      "t4"."t_colon",
                      CAST(SUBSTRING("t4"."t_text", IFF((
                        0 + 1
                      ) >= 1, 0 + 1, 0 + 1 + LENGTH("t4"."t_text")), 4) AS BIGINT) AS "t_year",
                      CAST(SUBSTRING("t4"."t_text", IFF((
                        5 + 1
                      ) >= 1, 5 + 1, 5 + 1 + LENGTH("t4"."t_text")), 2) AS BIGINT) AS "t_month",
                      CAST(SUBSTRING("t4"."t_text", IFF((
                        8 + 1
                      ) >= 1, 8 + 1, 8 + 1 + LENGTH("t4"."t_text")), 2) AS BIGINT) AS "t_day",
                      CAST(IFF(
                        "t4"."t_n" >= 16,
                        SUBSTRING("t4"."t_text", IFF((
                          11 + 1
                        ) >= 1, 11 + 1, 11 + 1 + LENGTH("t4"."t_text")), 2),
                        '0'
                      ) AS BIGINT) AS "t_hour",
                      CAST(IFF(
                        "t4"."t_n" >= 16,
                        SUBSTRING("t4"."t_text", IFF((
                          14 + 1
                        ) >= 1, 14 + 1, 14 + 1 + LENGTH("t4"."t_text")), 2),
                        '0'
                      ) AS BIGINT) AS "t_minute",
                      CAST(IFF(
                        "t4"."t_has_second",
                        SUBSTRING("t4"."t_text", IFF((
                          17 + 1
                        ) >= 1, 17 + 1, 17 + 1 + LENGTH("t4"."t_text")), 2),
                        '0'
                      ) AS BIGINT) AS "t_second",
                      "t4"."t_hours" OR "t4"."t_compact" OR "t4"."t_colon" AS "t_has_offset",
                      IFF(
                        (
                          "t4"."t_hours" OR "t4"."t_compact" OR "t4"."t_colon"
                        )
                        AND (
                          SUBSTRING(
                            "t4"."t_text",
                            IFF(
                              (
                                (
                                  "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                                ) + 1
                              ) >= 1,
                              (
                                "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                              ) + 1,
                              (
                                "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                              ) + 1 + LENGTH("t4"."t_text")
                            ),
                            1
                          ) = '-'
                        ),
                        -1,
                        1
                      ) AS "t_sign",
                      CAST(IFF(
                        "t4"."t_hours" OR "t4"."t_compact" OR "t4"."t_colon",
                        SUBSTRING(
                          "t4"."t_text",
                          IFF(
                            (
                              (
                                "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                              ) + 1 + 1
                            ) >= 1,
                            (
                              "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                            ) + 1 + 1,
                            (
                              "t4"."t_n" - CASE WHEN "t4"."t_hours" THEN 3 WHEN "t4"."t_compact" THEN 5 ELSE 6 END
                            ) + 1 + 1 + LENGTH("t4"."t_text")
                          ),
                          2
                        ),
                        '0'
                      ) AS BIGINT) AS "t_offset_hour",
                      CAST(IFF(
                        "t4"."t_colon" OR "t4"."t_compact",
                        SUBSTRING(
                          "t4"."t_text",
                          IFF(
                            (
                              (
                                "t4"."t_n" - 2
                              ) + 1
                            ) >= 1,
                            (
                              "t4"."t_n" - 2
                            ) + 1,
                            (
                              "t4"."t_n" - 2
                            ) + 1 + LENGTH("t4"."t_text")
                          ),
                          2
                        ),
                        '0'
                      ) AS BIGINT) AS "t_offset_minute"
                    FROM (
                      SELECT
                        "t3"."t",
                        "t3"."unusable",
                        "t3"."negative",
                        "t3"."s0",
                        "t3"."s1",
                        "t3"."u2",
                        "t3"."s3",
                        "t3"."n3",
                        "t3"."t_stripped",
                        "t3"."t_text",
                        LENGTH("t3"."t_text") AS "t_n",
                        REGEXP_LIKE(
                          "t3"."t_text",
                          CONCAT('.*', '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9][0-9]:[0-9][0-9]:', '.*'),
                          'cs'
                        ) AS "t_has_second",
                        REGEXP_LIKE("t3"."t_text", CONCAT('.*', '[Zz]$', '.*'), 'cs') AS "t_zulu",
                        REGEXP_LIKE(
                          "t3"."t_text",
                          CONCAT(
                            '.*',
                            '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?[+-][0-9][0-9]$',
                            '.*'
                          ),
                          'cs'
                        ) AS "t_hours",
                        REGEXP_LIKE(
                          "t3"."t_text",
                          CONCAT(
                            '.*',
                            '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?[+-][0-9][0-9][0-9][0-9]$',
                            '.*'
                          ),
                          'cs'
                        ) AS "t_compact",
                        REGEXP_LIKE(
                          "t3"."t_text",
                          CONCAT(
                            '.*',
                            '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?[+-][0-9][0-9]:[0-9][0-9]$',
                            '.*'
                          ),
                          'cs'
                        ) AS "t_colon"
                      FROM (
                        SELECT
                          "t2"."t",
                          "t2"."unusable",
                          "t2"."negative",
                          "t2"."s0",
                          "t2"."s1",
                          "t2"."u2",
                          "t2"."s3",
                          "t2"."n3",
                          "t2"."t_stripped",
                          IFF(
                            REGEXP_LIKE(
                              "t2"."t_stripped",
                              CONCAT(
                                '.*',
                                '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$',
                                '.*'
                              ),
                              'cs'
                            ),
                            "t2"."t_stripped",
                            CAST(NULL AS VARCHAR)
                          ) AS "t_text"
                        FROM (
                          SELECT
                            "t1"."t",
                            "t1"."unusable",
                            "t1"."negative",
                            "t1"."s0",
                            "t1"."s1",
                            "t1"."u2",
                            "t1"."s3",
                            "t1"."n3",
                            TRIM("t1"."t", ' \t\n\r\f') AS "t_stripped"
                          FROM (
                            SELECT
                              "t0"."stamp" AS "t",
                              COALESCE(
                                FALSE
                                OR COALESCE(ABS(CAST("t0"."views" AS DOUBLE)) >= 1e+300, FALSE)
                                OR (
                                  COALESCE(ABS("t0"."revenue") >= 1e+300, FALSE)
                                  OR COALESCE("t0"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                                ),
                                FALSE
                              ) AS "unusable",
                              COALESCE(
                                FALSE
                                OR (
                                  IFF(
                                    (
                                      "t0"."views" IS NOT NULL
                                    )
                                    AND NOT (
                                      COALESCE(ABS(CAST("t0"."views" AS DOUBLE)) >= 1e+300, FALSE)
                                    ),
                                    CAST("t0"."views" AS DOUBLE),
                                    0.0
                                  ) < 0
                                )
                                OR (
                                  IFF(
                                    (
                                      "t0"."revenue" IS NOT NULL
                                    )
                                    AND NOT (
                                      COALESCE(ABS("t0"."revenue") >= 1e+300, FALSE)
                                      OR COALESCE("t0"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                                    ),
                                    "t0"."revenue",
                                    0.0
                                  ) < 0
                                ),
                                FALSE
                              ) AS "negative",
                              IFF(
                                (
                                  "t0"."views" IS NOT NULL
                                )
                                AND NOT (
                                  COALESCE(ABS(CAST("t0"."views" AS DOUBLE)) >= 1e+300, FALSE)
                                ),
                                CAST("t0"."views" AS DOUBLE),
                                0.0
                              ) AS "s0",
                              IFF(COALESCE("t0"."event" = 'click', FALSE), 1.0, 0.0) AS "s1",
                              "t0"."user" AS "u2",
                              IFF(
                                (
                                  "t0"."revenue" IS NOT NULL
                                )
                                AND NOT (
                                  COALESCE(ABS("t0"."revenue") >= 1e+300, FALSE)
                                  OR COALESCE("t0"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                                ),
                                "t0"."revenue",
                                0.0
                              ) AS "s3",
                              IFF(
                                (
                                  "t0"."revenue" IS NOT NULL
                                )
                                AND NOT (
                                  COALESCE(ABS("t0"."revenue") >= 1e+300, FALSE)
                                  OR COALESCE("t0"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                                ),
                                1.0,
                                0.0
                              ) AS "n3"
                            FROM "events" AS "t0"
                          ) AS "t1"
                        ) AS "t2"
                      ) AS "t3"
                    ) AS "t4"
                  ) AS "t5"
                ) AS "t6"
              ) AS "t7"
            ) AS "t8"
          ) AS "t9"
        ) AS "t10"
        WHERE
          "t10"."relative" BETWEEN 0 AND 14399 AND "t10"."sec" <= 1715385600
      ) AS "t11"
    ) AS "t12"
    GROUP BY
      1
  ) AS "t13"
), "t19" AS (
  SELECT
    "t18"."level",
    "t18"."traffic",
    "t18"."below",
    "t18"."below_total",
    (
      ROW_NUMBER() OVER (
        ORDER BY "t18"."below_total" ASC, "t18"."below" ASC, "t18"."traffic" DESC NULLS LAST, "t18"."level" ASC
      ) - 1
    ) + 1 AS "slice"
  FROM (
    SELECT
      "t17"."level",
      "t17"."traffic",
      IFF(NOT (
        "t17"."level" = 0
      ) AND (
        "t17"."traffic" < 10.0
      ), 1, 0) AS "below",
      IFF("t17"."level" = 0, 0, 1) AS "below_total"
    FROM (
      SELECT
        "t15"."level",
        SUM("t15"."traffic") AS "traffic"
      FROM "t14" AS "t15"
      GROUP BY
        1
    ) AS "t17"
  ) AS "t18"
), "t21" AS (
  SELECT
    *
  FROM "t19" AS "t20"
  WHERE
    "t20"."below" = 0 AND "t20"."slice" <= 1000
)
SELECT
  *
FROM (
  SELECT
    CAST(NULL AS BIGINT) AS "slice",
    CAST(NULL AS INT) AS "w",
    CAST(NULL AS DOUBLE) AS "traffic",
    CAST(NULL AS DOUBLE) AS "m0",
    CAST(NULL AS DOUBLE) AS "m1",
    CAST(NULL AS DOUBLE) AS "m2",
    CAST(NULL AS DOUBLE) AS "m3",
    "t25"."n_floor",
    "t25"."n_cap",
    "t25"."t_floor",
    "t25"."t_cap",
    "t25"."t_all"
  FROM (
    SELECT
      SUM(IFF("t20"."below" = 1, 1.0, 0.0)) AS "n_floor",
      SUM(IFF((
        "t20"."below" = 0
      ) AND (
        "t20"."slice" > 1000
      ), 1.0, 0.0)) AS "n_cap",
      SUM(IFF("t20"."below" = 1, ABS("t20"."traffic"), 0.0)) AS "t_floor",
      SUM(
        IFF((
          "t20"."below" = 0
        ) AND (
          "t20"."slice" > 1000
        ), ABS("t20"."traffic"), 0.0)
      ) AS "t_cap",
      SUM(ABS("t20"."traffic")) AS "t_all"
    FROM "t19" AS "t20"
  ) AS "t25"
) AS "t27"
UNION ALL
SELECT
  *
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t22"."slice",
      CAST(NULL AS INT) AS "w",
      "t22"."traffic",
      CAST(NULL AS DOUBLE) AS "m0",
      CAST(NULL AS DOUBLE) AS "m1",
      CAST(NULL AS DOUBLE) AS "m2",
      CAST(NULL AS DOUBLE) AS "m3",
      CAST(NULL AS DOUBLE) AS "n_floor",
      CAST(NULL AS DOUBLE) AS "n_cap",
      CAST(NULL AS DOUBLE) AS "t_floor",
      CAST(NULL AS DOUBLE) AS "t_cap",
      CAST(NULL AS DOUBLE) AS "t_all"
    FROM "t21" AS "t22"
  ) AS "t23"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t26"."slice",
      "t16"."w",
      CAST(NULL AS DOUBLE) AS "traffic",
      "t16"."m0",
      "t16"."m1",
      "t16"."m2",
      "t16"."m3",
      CAST(NULL AS DOUBLE) AS "n_floor",
      CAST(NULL AS DOUBLE) AS "n_cap",
      CAST(NULL AS DOUBLE) AS "t_floor",
      CAST(NULL AS DOUBLE) AS "t_cap",
      CAST(NULL AS DOUBLE) AS "t_all"
    FROM "t14" AS "t16"
    INNER JOIN (
      SELECT
        "t22"."slice",
        "t22"."level" AS "r_level"
      FROM "t21" AS "t22"
    ) AS "t26"
      ON "t16"."level" = "t26"."r_level"
  ) AS "t28"
) AS "t29"
