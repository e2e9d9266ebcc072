WITH "t11" AS (
  SELECT
    "t10"."w",
    CAST(0 + (
      CAST("t10"."g0" AS INT) * 1
    ) + (
      CAST("t10"."g1" AS INT) * 2
    ) + (
      CAST("t10"."g2" AS INT) * 4
    ) AS INT) AS "level",
    IFF("t10"."g0" = 1, '', "t10"."d0") AS "k0",
    IFF("t10"."g1" = 1, '', "t10"."d1") AS "k1",
    IFF("t10"."g2" = 1, '', "t10"."d2") AS "k2",
    "t10"."a_s0" AS "m0",
    "t10"."a_s1" AS "m1",
    "t10"."a_u2" AS "m2",
    IFF("t10"."a_n3" > 0, "t10"."a_s3" / NULLIF("t10"."a_n3", 0.0), CAST(NULL AS DOUBLE)) AS "m3",
    "t10"."a_s0" AS "traffic"
  FROM (
    SELECT
      "t9"."w",
      "t9"."d0",
      "t9"."d1",
      "t9"."d2",
      GROUPING("t9"."d0") AS "g0",
      GROUPING("t9"."d1") AS "g1",
      GROUPING("t9"."d2") AS "g2",
      SUM("t9"."s0") AS "a_s0",
      SUM("t9"."s1") AS "a_s1",
      CAST(COUNT(DISTINCT "t9"."u2") AS DOUBLE) AS "a_u2",
      SUM("t9"."s3") AS "a_s3",
      SUM("t9"."n3") AS "a_n3"
    FROM (
      SELECT
        "t8"."d0",
        "t8"."d1",
        "t8"."d2",
        "t8"."s0",
        "t8"."s1",
        "t8"."u2",
        "t8"."s3",
        "t8"."n3",
        "t8"."sec",
        "t8"."relative",
        CAST(CAST(FLOOR((
          "t8"."relative"
        ) / (
          86400
        )) AS BIGINT) AS INT) AS "w"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t6"."d0",
            "t6"."d1",
            "t6"."d2",
            "t6"."s0",
            "t6"."s1",
            "t6"."u2",
            "t6"."s3",
            "t6"."n3",
            "t6"."sec",
            (
              "t6"."sec" + CASE WHEN "t6"."sec" < 1711846800 THEN 3600 ELSE 7200 END
            ) - 1711756800 AS "relative"
          FROM (
            SELECT
              "t5"."unusable",
              "t5"."negative",
              "t5"."d0",
              "t5"."d1",
              "t5"."d2",
              "t5"."s0",
              "t5"."s1",
              "t5"."u2",
              "t5"."s3",
              "t5"."n3",
              "t5"."sec",
              "t5"."t" IS NULL AS "blank"
            FROM (
              SELECT
                "t4"."t",
                "t4"."unusable",
                "t4"."negative",
                "t4"."d0",
                "t4"."d1",
                "t4"."d2",
                "t4"."s0",
                "t4"."s1",
                "t4"."u2",
                "t4"."s3",
                "t4"."n3",
                "t4"."t_seconds",
                "t4"."t_local",
                "t4"."t_local" AS "sec"
              FROM (
                SELECT
                  "t3"."t",
                  "t3"."unusable",
                  "t3"."negative",
                  "t3"."d0",
                  "t3"."d1",
                  "t3"."d2",
                  "t3"."s0",
                  "t3"."s1",
                  "t3"."u2",
                  "t3"."s3",
                  "t3"."n3",
                  "t3"."t_seconds",
                  CAST(IFF(
                    (
                      "t3"."t_seconds" >= -2208988800
                    ) AND (
                      "t3"."t_seconds" < 7258118400
                    ),
                    "t3"."t_seconds",
                    CAST(NULL AS DOUBLE)
                  ) AS BIGINT) AS "t_local"
                FROM (
                  SELECT
                    "t2"."t",
                    "t2"."unusable",
                    "t2"."negative",
                    "t2"."d0",
                    "t2"."d1",
                    "t2"."d2",
                    "t2"."s0",
                    "t2"."s1",
                    "t2"."u2",
                    "t2"."s3",
                    "t2"."n3",
                    CAST(DATE_PART('epoch', DATE_TRUNC('SECOND', "t2"."t")) AS DOUBLE) AS "t_seconds"
                  FROM (
                    SELECT
                      "t1"."ts" AS "t",
                      COALESCE(
                        FALSE
                        OR COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                        OR (
                          COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                          OR COALESCE("t1"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                        ),
                        FALSE
                      ) AS "unusable",
                      COALESCE(
                        FALSE
                        OR (
                          IFF(
                            (
                              "t1"."views" IS NOT NULL
                            )
                            AND NOT (
                              COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                            ),
                            CAST("t1"."views" AS DOUBLE),
                            0.0
                          ) < 0
                        )
                        OR (
                          IFF(
                            (
                              "t1"."revenue" IS NOT NULL
                            )
                            AND NOT (
                              COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                              OR COALESCE("t1"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                            ),
                            "t1"."revenue",
                            0.0
                          ) < 0
                        ),
                        FALSE
                      ) AS "negative",
                      COALESCE("t1"."country", '(missing)') AS "d0",
                      COALESCE(CAST("t1"."install" AS VARCHAR), '(missing)') AS "d1",
                      COALESCE(
                        IFF(
                          "t1"."select",
                          'true',
                          IFF("t1"."select" IS NOT NULL, 'false', CAST(NULL AS VARCHAR))
                        ),
                        '(missing)'
                      ) AS "d2",
                      IFF(
                        (
                          "t1"."views" IS NOT NULL
                        )
                        AND NOT (
                          COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                        ),
                        CAST("t1"."views" AS DOUBLE),
                        0.0
                      ) AS "s0",
                      IFF(COALESCE("t1"."event" = 'click', FALSE), 1.0, 0.0) AS "s1",
                      "t1"."user" AS "u2",
                      IFF(
                        (
                          "t1"."revenue" IS NOT NULL
                        )
                        AND NOT (
                          COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                          OR COALESCE("t1"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                        ),
                        "t1"."revenue",
                        0.0
                      ) AS "s3",
                      IFF(
                        (
                          "t1"."revenue" IS NOT NULL
                        )
                        AND NOT (
                          COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                          OR COALESCE("t1"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                        ),
                        1.0,
                        0.0
                      ) AS "n3"
                    FROM (
                      SELECT
                        *
                      FROM "events" AS "t0"
                      WHERE
                        "t0"."ts" >= TIMESTAMP_TZ_FROM_PARTS(2024, 3, 29, 23, 0, 0, 0, 'UTC')
                        AND "t0"."ts" < TIMESTAMP_TZ_FROM_PARTS(2024, 4, 2, 22, 0, 0, 0, 'UTC')
                    ) AS "t1"
                  ) AS "t2"
                ) AS "t3"
              ) AS "t4"
            ) AS "t5"
          ) AS "t6"
        ) AS "t7"
        WHERE
          "t7"."relative" BETWEEN 0 AND 345599 AND "t7"."sec" <= 1715385600
      ) AS "t8"
    ) AS "t9"
    GROUP BY
      GROUPING SETS (
        ("t9"."w"),
        ("t9"."w", "t9"."d0"),
        ("t9"."w", "t9"."d1"),
        ("t9"."w", "t9"."d2"),
        ("t9"."w", "t9"."d0", "t9"."d1"),
        ("t9"."w", "t9"."d0", "t9"."d2"),
        ("t9"."w", "t9"."d1", "t9"."d2")
      )
  ) AS "t10"
), "t16" AS (
  SELECT
    "t15"."level",
    "t15"."k0",
    "t15"."k1",
    "t15"."k2",
    "t15"."traffic",
    "t15"."below",
    "t15"."below_total",
    (
      ROW_NUMBER() OVER (
        ORDER BY "t15"."below_total" ASC, "t15"."below" ASC, "t15"."traffic" DESC NULLS LAST, "t15"."level" ASC, "t15"."k0" ASC, "t15"."k1" ASC, "t15"."k2" ASC
      ) - 1
    ) + 1 AS "slice"
  FROM (
    SELECT
      "t14"."level",
      "t14"."k0",
      "t14"."k1",
      "t14"."k2",
      "t14"."traffic",
      IFF(NOT (
        "t14"."level" = 7
      ) AND (
        "t14"."traffic" < 10.0
      ), 1, 0) AS "below",
      IFF("t14"."level" = 7, 0, 1) AS "below_total"
    FROM (
      SELECT
        "t12"."level",
        "t12"."k0",
        "t12"."k1",
        "t12"."k2",
        SUM("t12"."traffic") AS "traffic"
      FROM "t11" AS "t12"
      GROUP BY
        1,
        2,
        3,
        4
    ) AS "t14"
  ) AS "t15"
), "t18" AS (
  SELECT
    *
  FROM "t16" AS "t17"
  WHERE
    "t17"."below" = 0 AND "t17"."slice" <= 1000
)
SELECT
  *
FROM (
  SELECT
    CAST(NULL AS BIGINT) AS "slice",
    CAST(NULL AS INT) AS "w",
    CAST(NULL AS DOUBLE) AS "traffic",
    CAST(NULL AS VARCHAR) AS "k0",
    CAST(NULL AS VARCHAR) AS "k1",
    CAST(NULL AS VARCHAR) AS "k2",
    CAST(NULL AS DOUBLE) AS "m0",
    CAST(NULL AS DOUBLE) AS "m1",
    CAST(NULL AS DOUBLE) AS "m2",
    CAST(NULL AS DOUBLE) AS "m3",
    "t21"."n_floor",
    "t21"."n_cap",
    "t21"."t_floor",
    "t21"."t_cap",
    "t21"."t_all"
  FROM (
    SELECT
      SUM(IFF("t17"."below" = 1, 1.0, 0.0)) AS "n_floor",
      SUM(IFF((
        "t17"."below" = 0
      ) AND (
        "t17"."slice" > 1000
      ), 1.0, 0.0)) AS "n_cap",
      SUM(IFF("t17"."below" = 1, ABS("t17"."traffic"), 0.0)) AS "t_floor",
      SUM(
        IFF((
          "t17"."below" = 0
        ) AND (
          "t17"."slice" > 1000
        ), ABS("t17"."traffic"), 0.0)
      ) AS "t_cap",
      SUM(ABS("t17"."traffic")) AS "t_all"
    FROM "t16" AS "t17"
  ) AS "t21"
) AS "t23"
UNION ALL
SELECT
  *
FROM (
  SELECT
    *
  FROM (
    SELECT
      "t19"."slice",
      CAST(NULL AS INT) AS "w",
      "t19"."traffic",
      IFF(
        (
          CAST(FLOOR((
            "t19"."level"
          ) / (
            1
          )) AS BIGINT) % 2
        ) = 1,
        CAST(NULL AS VARCHAR),
        "t19"."k0"
      ) AS "k0",
      IFF(
        (
          CAST(FLOOR((
            "t19"."level"
          ) / (
            2
          )) AS BIGINT) % 2
        ) = 1,
        CAST(NULL AS VARCHAR),
        "t19"."k1"
      ) AS "k1",
      IFF(
        (
          CAST(FLOOR((
            "t19"."level"
          ) / (
            4
          )) AS BIGINT) % 2
        ) = 1,
        CAST(NULL AS VARCHAR),
        "t19"."k2"
      ) AS "k2",
      CAST(NULL AS DOUBLE) AS "m0",
      CAST(NULL AS DOUBLE) AS "m1",
      CAST(NULL AS DOUBLE) AS "m2",
      CAST(NULL AS DOUBLE) AS "m3",
      CAST(NULL AS DOUBLE) AS "n_floor",
      CAST(NULL AS DOUBLE) AS "n_cap",
      CAST(NULL AS DOUBLE) AS "t_floor",
      CAST(NULL AS DOUBLE) AS "t_cap",
      CAST(NULL AS DOUBLE) AS "t_all"
    FROM "t18" AS "t19"
  ) AS "t24"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t22"."slice",
      "t13"."w",
      CAST(NULL AS DOUBLE) AS "traffic",
      CAST(NULL AS VARCHAR) AS "k0",
      CAST(NULL AS VARCHAR) AS "k1",
      CAST(NULL AS VARCHAR) AS "k2",
      "t13"."m0",
      "t13"."m1",
      "t13"."m2",
      "t13"."m3",
      CAST(NULL AS DOUBLE) AS "n_floor",
      CAST(NULL AS DOUBLE) AS "n_cap",
      CAST(NULL AS DOUBLE) AS "t_floor",
      CAST(NULL AS DOUBLE) AS "t_cap",
      CAST(NULL AS DOUBLE) AS "t_all"
    FROM "t11" AS "t13"
    INNER JOIN (
      SELECT
        "t19"."slice",
        "t19"."level" AS "r_level",
        "t19"."k0" AS "r_k0",
        "t19"."k1" AS "r_k1",
        "t19"."k2" AS "r_k2"
      FROM "t18" AS "t19"
    ) AS "t22"
      ON "t13"."level" = "t22"."r_level"
      AND "t13"."k0" = "t22"."r_k0"
      AND "t13"."k1" = "t22"."r_k1"
      AND "t13"."k2" = "t22"."r_k2"
  ) AS "t25"
) AS "t26"
